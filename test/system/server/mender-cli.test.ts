import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ARTIFACTS, makeArtifact } from "../../support/server/artifacts.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";

let server: TestServer;
let home: string;
beforeAll(async () => {
  server = await startTestServer();
  home = await mkdtemp(join(tmpdir(), "mender-cli-"));
});
afterAll(async () => {
  await server.close();
  await rm(home, { recursive: true });
});

interface Ended {
  readonly status: number | string;
  readonly output: string;
}

/** Runs Debian's `mender-cli`, with a home of its own. */
function menderCli(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { PATH: process.env["PATH"], HOME: home, XDG_CACHE_HOME: join(home, ".cache") };
    execFile("mender-cli", ["--server", server.url, ...args], { env }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : (error.code ?? "killed"), output: stdout + stderr }),
    );
  });
}
const login = (password: string): Promise<Ended> =>
  menderCli("login", "--username", "admin@example.com", "--password", password);

test("the real mender-cli refuses to go on without a login, and with a wrong password", async () => {
  expect(await menderCli("artifacts", "list")).toMatchObject({ status: 1 });
  expect(await login("wrong")).toMatchObject({ status: 1, output: expect.stringContaining("401") });
});

test("the real mender-cli logs in, uploads, lists and deletes", async () => {
  expect(await login("correct horse battery")).toMatchObject({
    status: 0,
    output: expect.stringContaining("successful"),
  });
  const file = join(home, "release.mender");
  const metaData = { key: "value" };
  await writeFile(file, await makeArtifact({ name: "from-cli", content: Buffer.alloc(3_000_000, 1), metaData }));
  const uploaded = await menderCli("artifacts", "upload", "--description", "by hand", "--no-progress", file);
  expect(uploaded).toMatchObject({ status: 0, output: expect.stringContaining("successful") });

  const again = await menderCli("artifacts", "upload", "--no-progress", file);
  expect([again.status, again.output]).toEqual([1, expect.stringContaining("409")]);
  await writeFile(join(home, "bad.mender"), "no Artifact");
  expect(await menderCli("artifacts", "upload", "--no-progress", join(home, "bad.mender"))).toMatchObject({
    status: 1,
  });

  const listed = await menderCli("artifacts", "list", "--detail", "3");
  expect(listed).toMatchObject({ status: 0, output: expect.stringContaining("from-cli") });
  for (const text of ["by hand", "single-file", "board-a", "key"]) expect(listed.output).toContain(text);

  const [artifact] = (await (await server.request("GET", ARTIFACTS)).json()) as [{ id: string }];
  expect(await menderCli("artifacts", "delete", artifact.id)).toMatchObject({ status: 0 });
  expect((await menderCli("artifacts", "list")).output).not.toContain("from-cli");
  expect(await menderCli("artifacts", "delete", artifact.id)).toMatchObject({ status: 1 });
});

test("the real mender-cli lists devices", async () => {
  const { publicKey } = generateKeyPairSync("ed25519");
  const device = {
    identity_data: { mac: "26:19:a3:34:8a:81", sn: "0017" },
    pubkey: publicKey.export({ type: "spki", format: "pem" }),
  };
  expect((await server.request("POST", "/api/management/v2/devauth/devices", device)).status).toBe(201);
  const listed = await menderCli("--token-value", server.token, "devices", "list", "--detail", "3");
  expect(listed.status).toBe(0);
  for (const text of ["26:19:a3:34:8a:81", "preauthorized"]) expect(listed.output).toContain(text);
});

test("the real mender-cli takes a token from its command line", async () => {
  expect(await menderCli("--token-value", server.token, "artifacts", "list")).toMatchObject({ status: 0 });
  expect(await menderCli("--token-value", "x.y.z", "artifacts", "list")).toMatchObject({ status: 1 });
});
