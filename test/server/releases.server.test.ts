import { afterAll, beforeAll, expect, test } from "vitest";
import { ARTIFACTS, addTestArtifact } from "../support/server/artifacts.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const V1 = "/api/management/v1/deployments/deployments/releases";
const V2 = "/api/management/v2/deployments/deployments/releases";
const ALL = "/api/management/v2/deployments/releases/all";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await addTestArtifact(server, { name: "app-1", deviceTypes: ["a"] });
  await addTestArtifact(server, { name: "app-1", deviceTypes: ["b"] });
  await addTestArtifact(server, { name: "app-2" });
  await addTestArtifact(server, { name: "base 1/ü" });
});
afterAll(() => server.close());

async function get<T = Record<string, unknown>[]>(path: string): Promise<T> {
  const answer = await server.request("GET", path);
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json() as Promise<T>;
}
const names = async (query: string): Promise<unknown[]> => (await get(`${V2}?${query}`)).map(({ name }) => name);

test("artifacts of one name are one release, in both versions of the API", async () => {
  expect(await get(`${V1}?name=app-1`)).toMatchObject([
    {
      ...{ Name: "app-1", ArtifactsCount: 2, tags: [], notes: "" },
      Artifacts: [{ device_types_compatible: ["a"] }, { device_types_compatible: ["b"] }],
    },
  ]);
  expect(await get(`${V2}/app-1`)).toMatchObject({ name: "app-1", artifacts_count: 2, artifacts: [{}, {}] });
  const page = await server.request("GET", `${V1}/list?per_page=1&page=2`);
  expect([await page.json(), page.headers.get("x-total-count")]).toMatchObject([[{ Name: "app-2" }], "3"]);
  expect(page.headers.get("link")).toContain('page=3>; rel="next"');
  expect((await server.request("GET", `${V2}/unknown`)).status).toBe(404);
});

test("tags and notes are kept, in lower case, and found", async () => {
  const path = `${V2}/${encodeURIComponent("base 1/ü")}`;
  expect((await server.request("PUT", `${path}/tags`, ["Stable", "stable", "eu-west"])).status).toBe(204);
  expect((await server.request("PATCH", path, { notes: "What is new\n'; DROP TABLE releases" })).status).toBe(204);
  expect(await get(path)).toMatchObject({ tags: ["eu-west", "stable"], notes: "What is new\n'; DROP TABLE releases" });
  expect(await names("tag=stable&tag=EU-WEST")).toEqual(["base 1/ü"]);
  expect(await names("tag=stable&tag=missing")).toEqual([]);
  expect(await get(`${ALL}/tags`)).toEqual(["eu-west", "stable"]);
  expect(await get(`${ALL}/types`)).toEqual(["single-file"]);
  for (const [body, status] of [
    [["%"], 400],
    [Array.from({ length: 21 }, (_, index) => `t${index}`), 400],
    [{}, 400],
  ] as const)
    expect((await server.request("PUT", `${path}/tags`, body)).status).toBe(status);
  expect((await server.request("PUT", `${V2}/unknown/tags`, [])).status).toBe(404);
});

for (const [query, expected] of [
  ["name=app*", ["app-1", "app-2"]],
  ["name=app-1&name=base*", ["app-1", "base 1/ü"]],
  ["name=%25", []],
  ["update_type=single-file&sort=artifacts_count:desc,name:desc", ["app-1", "base 1/ü", "app-2"]],
  ["update_type=rootfs-image", []],
  ["sort=name:desc", ["base 1/ü", "app-2", "app-1"]],
] as const)
  test(`?${query} gives ${expected.join(", ") || "nothing"}`, async () => {
    expect(await names(query)).toEqual(expected);
  });

test("a release that a running deployment needs stays, and others go with their artifacts", async () => {
  await server.server.services.postgres.inTenant(server.tenant.id, (session) =>
    session.raw(
      `INSERT INTO deployments (tenant_id, id, name, artifact_name, target, device_count)
        VALUES ($1, '11111111-1111-4111-8111-111111111111', 'running', 'app-1', '{"kind":"all"}', 1)`,
      [server.tenant.id],
    ),
  );
  const refused = await server.request("DELETE", `${V2}?name=app-2&name=app-1`);
  expect([refused.status, await refused.json()]).toMatchObject([
    409,
    { active_deployments: ["11111111-1111-4111-8111-111111111111"] },
  ]);
  const [{ id }] = (await get<{ id: string }[]>(`${ARTIFACTS}?name=app-1`)) as [{ id: string }];
  expect((await server.request("DELETE", `${ARTIFACTS}/${id}`)).status).toBe(409);
  expect(await names("sort=name")).toEqual(["app-1", "app-2", "base 1/ü"]);
  expect((await server.request("DELETE", `${V2}?name=app-2`)).status).toBe(204);
  expect((await server.request("DELETE", `${V2}?name=app-2`)).status).toBe(404);
  expect(await names("sort=name")).toEqual(["app-1", "base 1/ü"]);
});
