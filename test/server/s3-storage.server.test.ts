import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openObjects } from "../../server/adapters/objects/open-objects.ts";
import { ARTIFACTS, makeArtifact, upload } from "../support/server/artifacts.ts";
import { command } from "../support/server/command.ts";
import { S3Server } from "../support/server/s3-server.ts";
import { enroll } from "../support/server/seed.ts";
import { TestDevice } from "../support/server/test-device.ts";
import { emptyDatabase, startTestServer, type TestServer } from "../support/server/test-server.ts";

let store: S3Server;
let folder: string;
beforeAll(async () => {
  store = await S3Server.start();
  folder = await mkdtemp(join(tmpdir(), "s3-storage-"));
});
afterAll(async () => {
  await store.remove();
  await rm(folder, { recursive: true });
});

for (const [links, origin] of [
  ["proxied", (server: TestServer) => server.url],
  ["presigned", () => `http://127.0.0.1:${store.port}`],
] as const)
  describe(`with ${links} links`, () => {
    let server: TestServer;
    beforeAll(async () => {
      server = await startTestServer({ storage: store.storage(`${links}/`, links === "presigned") });
    });
    afterAll(() => server.close());

    test("an upload reaches a device by a deployment, in parts as well, and leaves nothing when it is deleted", async () => {
      const bytes = await makeArtifact({ name: "release-1", content: Buffer.alloc(9_000_000, "switchback") });
      const location = (await upload(server, bytes)).headers.get("location") ?? "";
      expect(await store.everything(`${links}/`)).toHaveLength(1);
      const device = new TestDevice(server.url, "00:00:00:00:00:01", { tenantToken: server.tenant.token });
      const id = await enroll(server, device);
      const target = { name: "first", artifact_name: "release-1", devices: [id] };
      expect((await server.request("POST", "/api/management/v1/deployments/deployments", target)).status).toBe(201);
      const offered = (await device.next({ artifact_name: "none", device_type: "board-a" })).body;
      const { uri } = offered.artifact.source;
      expect(new URL(uri).origin).toBe(origin(server));
      const whole = await fetch(uri);
      expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true);
      const rest = await fetch(uri, { headers: { range: `bytes=${bytes.length - 10}-` } });
      expect([rest.status, Buffer.from(await rest.arrayBuffer())]).toEqual([206, bytes.subarray(-10)]);
      await device.report(offered.id, "success");

      const shown = (await (await server.request("GET", `${location}/download`)).json()) as { uri: string };
      const named = await fetch(shown.uri, { headers: { range: "bytes=0-0" } });
      expect(named.headers.get("content-disposition")).toBe('attachment; filename="release-1.mender"');
      await named.arrayBuffer();
      expect((await server.request("DELETE", location)).status).toBe(204);
      expect(await store.everything(`${links}/`)).toEqual([]);
    });
  });

test("while the store is away, uploads and downloads answer 503, /readyz says so, and they work again when it is back", async () => {
  const server = await startTestServer({ storage: store.storage("away/") });
  const location = (await upload(server, await makeArtifact({ name: "kept" }))).headers.get("location") ?? "";
  const { uri } = (await (await server.request("GET", `${location}/download`)).json()) as { uri: string };
  const { port } = store;
  await store.close();
  const said = async (answer: Response) => [
    answer.status,
    ((await answer.json()) as { code: string }).code,
    Number(answer.headers.get("retry-after")) > 0,
  ];
  const away = [503, "STORAGE_AWAY", true];
  expect(await said(await fetch(uri))).toEqual(away);
  expect(await said(await upload(server, await makeArtifact({ name: "new" })))).toEqual(away);
  expect(await said(await fetch(`${server.url}/readyz`))).toEqual(away);
  expect((await server.request("GET", ARTIFACTS)).status).toBe(200);
  await store.listen(port);
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  expect((await fetch(uri)).status).toBe(200);
  expect((await upload(server, await makeArtifact({ name: "new" }))).status).toBe(201);
  await server.close();
});

test("backup and restore work from bucket to bucket", async () => {
  const server = await startTestServer({ storage: store.storage("from/") });
  const bytes = await makeArtifact({ name: "saved", content: Buffer.alloc(20_000, 1) });
  const location = (await upload(server, bytes)).headers.get("location") ?? "";
  const file = join(folder, "backup.tar");
  const data = ["--data", folder];
  expect(await command("backup", file, "--database", server.databaseUrl, ...store.options("from"), ...data)).toEqual([
    0,
    expect.stringMatching(/ rows and 1 files of Artifacts/),
  ]);
  const database = await emptyDatabase();
  const restored = await command("restore", file, "--database", database, ...store.options("to"), ...data);
  expect(restored).toEqual([0, expect.stringMatching(/^Restored \d+ rows and 1 files of Artifacts\.\n$/)]);
  expect(await store.everything("to/")).toHaveLength(1);
  const objects = await openObjects(store.storage("to/"));
  const found = await objects.get(`${server.tenant.id}/${location.split("/").at(-1)}`);
  expect(found !== undefined && (await buffer(found)).equals(bytes)).toBe(true);
  const nowhere = ["--storage", "s3://nowhere", ...store.options("x").slice(2)];
  const refused = await command("backup", file, "--database", server.databaseUrl, ...nowhere, ...data);
  expect(refused).toEqual([1, expect.stringMatching(/^STORAGE_REFUSED: .*bucket: nowhere.*no such bucket\)\n$/)]);
  await objects.close();
  await server.close();
});
