import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sweepObjects } from "../../server/jobs/sweep-objects.ts";
import { ARTIFACTS, addTestArtifact, makeArtifact, upload } from "../support/server/artifacts.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const json = async (answer: Response): Promise<Record<string, unknown>> => answer.json() as never;
const objects = async (): Promise<string[]> =>
  (await readdir(server.storage, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .toSorted();
const uploads = () =>
  server.server.services.postgres.inTenant(server.tenant.id, (session) => session.raw("SELECT * FROM uploads"));

test("an uploaded Artifact is listed with all that it says, and downloads to the byte", async () => {
  const bytes = await makeArtifact({
    name: "rel ü-1",
    deviceTypes: ["board-a", "board-b"],
    metaData: { folder: "/etc", deep: { list: [1, null] } },
    provides: { "data-partition.app.version": "7" },
    depends: { "rootfs-image.version": "v1" },
    dependsNames: ["before"],
  });
  const added = await upload(server, bytes, { description: "two\nlines" });
  expect([added.status, await added.text()]).toEqual([201, ""]);
  const location = added.headers.get("location") ?? "";
  const artifact = await json(await server.request("GET", location));
  expect(artifact).toMatchObject({
    ...{ name: "rel ü-1", description: "two\nlines", signed: false, size: bytes.length },
    device_types_compatible: ["board-a", "board-b"],
    info: { format: "mender", version: 3 },
    updates: [
      {
        type_info: { type: "single-file" },
        files: [{ name: "file", size: 9, checksum: expect.stringMatching(/^[0-9a-f]{64}$/) }],
        meta_data: [
          { Key: "deep", Value: { list: [1, null] } },
          { Key: "folder", Value: "/etc" },
        ],
        metadata: { folder: "/etc", deep: { list: [1, null] } },
      },
    ],
    artifact_provides: { artifact_name: "rel ü-1", "data-partition.app.version": "7" },
    artifact_depends: {
      ...{ device_type: ["board-a", "board-b"], artifact_name: ["before"] },
      "rootfs-image.version": ["v1"],
    },
  });
  expect(await json(await server.request("GET", `${ARTIFACTS}?name=rel*`))).toEqual([artifact]);

  const link = await json(await server.request("GET", `${location}/download`));
  const whole = await fetch(String(link["uri"]));
  expect(Object.fromEntries(whole.headers)).toMatchObject({
    ...{ "content-length": String(bytes.length), "content-type": "application/vnd.mender-artifact" },
    "content-disposition": `attachment; filename="rel _-1.mender"; filename*=UTF-8''rel%20%C3%BC-1.mender`,
    "accept-ranges": "bytes",
  });
  expect([whole.headers.get("content-encoding"), Buffer.from(await whole.arrayBuffer()).equals(bytes)]).toEqual([
    null,
    true,
  ]);
  const part = await fetch(String(link["uri"]), { headers: { range: "bytes=100-" } });
  expect([part.status, part.headers.get("content-range")]).toEqual([
    206,
    `bytes 100-${bytes.length - 1}/${bytes.length}`,
  ]);
  expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(100))).toBe(true);
  const beyond = await fetch(String(link["uri"]), { headers: { range: `bytes=${bytes.length}-` } });
  expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, `bytes */${bytes.length}`]);
  const head = await fetch(String(link["uri"]), { method: "HEAD" });
  expect([head.status, head.headers.get("content-length")]).toEqual([200, String(bytes.length)]);
  const same = await fetch(String(link["uri"]), { headers: { "if-none-match": whole.headers.get("etag") ?? "" } });
  expect(same.status).toBe(304);
});

test("links that were changed are refused", async () => {
  const { uri } = (await json(
    await server.request("GET", `${ARTIFACTS}/${await addTestArtifact(server, { name: "links" })}/download`),
  )) as { uri: string };
  const other = await addTestArtifact(server, { name: "other-links" });
  const statuses = await Promise.all(
    [
      uri.replace(/signature=../, "signature=zz"),
      uri.replace(/download\/[^?]+/, `download/${other}`),
      uri.replace(/x-men-expire=\d{4}/, "x-men-expire=2099"),
      uri.replace(/tenant_id=[^&]+/, "tenant_id=00000000-0000-4000-8000-000000000000"),
      uri.replace(/x-men-expire=[^&]+/, "x-men-expire=soon"),
      uri.split("?", 1)[0] ?? "",
    ].map(async (link) => (await fetch(link)).status),
  );
  expect(statuses).toEqual([403, 403, 403, 403, 400, 400]);
});

test("the same name for the same devices conflicts, and for others it does not", async () => {
  const first = await addTestArtifact(server, { name: "twice", deviceTypes: ["a", "b"] });
  const before = await objects();
  const again = await upload(server, await makeArtifact({ name: "twice", deviceTypes: ["b", "c"] }));
  expect([again.status, await json(again)]).toEqual([
    409,
    {
      error: expect.stringContaining("an artifact of this name is for the same devices"),
      code: "CONFLICT",
      request_id: expect.any(String),
      metadata: {
        conflicts: [{ artifact_id: first, name: "twice", artifact_depends: { device_type: ["a", "b"] } }],
      },
    },
  ]);
  expect(await objects()).toEqual(before);
  await addTestArtifact(server, { name: "twice", deviceTypes: ["c"] });
  await addTestArtifact(server, { name: "twice", deviceTypes: ["b"], depends: { key: "value" } });
});

test("two uploads at once of the same Artifact: one is kept", async () => {
  const bytes = await makeArtifact({ name: "race" });
  const statuses = (await Promise.all([upload(server, bytes), upload(server, bytes)])).map(({ status }) => status);
  expect(statuses.toSorted()).toEqual([201, 409]);
});

const field = (name: string, value: string): string =>
  `--BOUNDARY\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`field${index}`, "x"]));
test("what is no Artifact, and forms that are bombs, are refused and leave nothing", async () => {
  const bytes = await makeArtifact({ name: "refused" });
  const before = await objects();
  const flipped = Buffer.from(bytes);
  flipped.write("A", flipped.indexOf("a payload"));
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield bytes;
    for (;;) yield Buffer.alloc(64 * 1024, "not zeros");
  }
  const attempts = [
    ["text", upload(server, Buffer.from("no Artifact at all")), "ARTIFACT_TRUNCATED"],
    ["a cut one", upload(server, bytes.subarray(0, bytes.length - 1600)), "ARTIFACT_TRUNCATED"],
    ["a changed one", upload(server, flipped), "ARTIFACT_CHECKSUM"],
    ["more data behind it", upload(server, Buffer.concat([bytes, Buffer.from("more")])), "ARTIFACT_TRAILING_DATA"],
    ["another size", upload(server, bytes, { fields: { size: "1" } }), "claimed: 1"],
    ["many fields", upload(server, bytes, { fields: many }), "fields limit"],
    ["a long field", upload(server, bytes, { fields: { long: "x".repeat(70_000) } }), "not a short text"],
    ["a description with NUL", upload(server, bytes, { description: "a\0b" }), "not a short text"],
    ["a field behind the file", upload(server, bytes, { after: field("late", "x") }), "the last part"],
    ["a second file", upload(server, bytes, { after: field('x"; filename="y', "z") }), "files limit"],
  ] as const;
  for (const [title, attempt, text] of attempts) {
    const answer = await attempt;
    expect([title, answer.status, await answer.text()]).toEqual([title, 400, expect.stringContaining(text)]);
  }
  const cut = await upload(server, endless()).then(
    async (answer) => [answer.status, await answer.text()],
    () => [400, "ARTIFACT_TRAILING_DATA"],
  );
  expect(cut).toEqual([400, expect.stringContaining("ARTIFACT_TRAILING_DATA")]);
  expect([await objects(), await uploads()]).toEqual([before, []]);
});

test("what a crash leaves of an upload is swept", async () => {
  const { objects: store, postgres } = server.server.services;
  await store.put(`${server.tenant.id}/crashed`, [Buffer.from("half")] as never);
  await postgres.inTenant(server.tenant.id, (session) =>
    session.raw(
      `INSERT INTO uploads (tenant_id, id, object_key, kind, expires_at)
        VALUES ($1, gen_random_uuid(), $2, 'stream', now() - interval '1 s'),
          ($1, gen_random_uuid(), 'still-running', 'stream', now() + interval '1 h')`,
      [server.tenant.id, `${server.tenant.id}/crashed`],
    ),
  );
  expect(await sweepObjects(postgres, store)).toBe(1);
  expect([await store.size(`${server.tenant.id}/crashed`), (await uploads()).length]).toEqual([undefined, 1]);
  await postgres.inTenant(server.tenant.id, (session) => session.raw("DELETE FROM uploads"));
});

test("a direct upload is complete only after the client says so", async () => {
  const bytes = await makeArtifact({ name: "direct" });
  const begun = await json(await server.request("POST", `${ARTIFACTS}/directupload`));
  const complete = `${ARTIFACTS}/directupload/${begun["id"]}/complete`;
  expect((await server.request("POST", complete, { size: 1 })).status).toBe(404);
  const headers = begun["header"] as Record<string, string>;
  const put = await fetch(String(begun["uri"]), { method: "PUT", headers, body: bytes });
  expect(put.status).toBe(200);
  expect((await fetch(String(begun["uri"]))).status).toBe(404);
  const done = await server.request("POST", complete, { size: bytes.length, updates: [] });
  expect([done.status, await done.text()]).toEqual([202, ""]);
  expect(await json(await server.request("GET", `${ARTIFACTS}/list?name=direct`))).toMatchObject([{ name: "direct" }]);
  expect((await server.request("POST", complete, {})).status).toBe(404);
  expect(await uploads()).toEqual([]);
});

/** @param args as the form has them */
const generate = (fields: readonly (readonly [string, string])[], content: string) => {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  form.append("file", new Blob([content]), "ignored");
  const headers = { authorization: `Bearer ${server.token}` };
  return fetch(`${server.url}${ARTIFACTS}/generate`, { method: "POST", headers, body: form });
};

test("an Artifact is made of one file, for the module single-file", async () => {
  const args = ["args", JSON.stringify({ dest_dir: "/etc/app", filename: "app.conf" })] as const;
  const fields = [
    ...([
      ["name", "generated"],
      ["description", "of a file"],
      ["type", "single_file"],
    ] as const),
    ...([["device_types_compatible", "a, b"], ["device_types_compatible", "c"], args] as const),
  ];
  const answer = await generate(fields, "content");
  expect([answer.status, await answer.text()]).toEqual([201, ""]);
  expect(await json(await server.request("GET", answer.headers.get("location") ?? ""))).toMatchObject({
    ...{ name: "generated", description: "of a file", device_types_compatible: ["a", "b", "c"] },
    artifact_provides: { artifact_name: "generated", "rootfs-image.single-file.version": "generated" },
    updates: [
      {
        type_info: { type: "single-file" },
        files: [{ name: "dest_dir" }, { name: "filename" }, { name: "permissions" }, { name: "app.conf", size: 7 }],
      },
    ],
  });
  expect((await generate(fields, "content")).status).toBe(422);
  for (const wrong of [
    ["args", "no JSON"],
    ["args", JSON.stringify({ dest_dir: "/etc/../root", filename: "x" })],
    ["args", JSON.stringify({ dest_dir: "relative", filename: "x" })],
    ["args", JSON.stringify({ dest_dir: "/etc", filename: "a/b" })],
    ["args", JSON.stringify({ dest_dir: "/etc", filename: "permissions" })],
    ["type", "rootfs"],
    ["name", "a\nb"],
  ] as const) {
    const changed = [...fields.filter(([name]) => name !== wrong[0]), wrong];
    expect([wrong, (await generate(changed, "content")).status]).toEqual([wrong, 400]);
  }
});

test("description, deletion, storage and pages", async () => {
  const id = await addTestArtifact(server, { name: "short-lived" });
  const usage = async () =>
    (await json(await server.request("GET", "/api/management/v1/deployments/limits/storage")))["usage"];
  const used = Number(await usage());
  expect((await server.request("PUT", `${ARTIFACTS}/${id}`, { description: "new" })).status).toBe(204);
  const { description, size } = await json(await server.request("GET", `${ARTIFACTS}/${id}`));
  expect(description).toBe("new");
  expect((await server.request("DELETE", `${ARTIFACTS}/${id}`)).status).toBe(204);
  expect(await usage()).toBe(used - Number(size));
  expect(await objects()).not.toContain(id);
  for (const method of ["GET", "DELETE", "PUT"])
    expect(
      (await server.request(method, `${ARTIFACTS}/${id}`, method === "PUT" ? { description: "" } : undefined)).status,
    ).toBe(404);
  const page = await server.request("GET", "/api/management/v2/deployments/artifacts?per_page=2&page=2&sort=name:desc");
  expect(page.headers.get("link")).toMatch(/page=3&sort=name%3Adesc>; rel="next"/);
  expect(((await page.json()) as unknown[]).length).toBe(2);
  expect(Number(page.headers.get("x-total-count"))).toBeGreaterThan(4);
  for (const query of ["page=0", "per_page=501", "sort=colour", "description=a%00b"])
    expect((await server.request("GET", `${ARTIFACTS}/list?${query}`)).status).toBe(400);
});
