import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashPassword } from "../../server/adapters/passwords/passwords.ts";
import { writeAudit } from "../../server/adapters/postgres/audit.ts";
import { addTenant, addUser } from "../../server/adapters/postgres/people.ts";
import type { Session } from "../../server/adapters/postgres/postgres.ts";
import { addTestArtifact } from "../support/server/artifacts.ts";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";

const DEVICES = "/api/management/v2/devauth/devices";
const INVENTORY = "/api/management/v1/inventory";
const SEARCH = "/api/management/v2/inventory/filters/search";
const DEPLOYMENTS = "/api/management/v1/deployments/deployments";
const AUDIT = "/api/management/v1/auditlogs/logs";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await addTestArtifact(server, { name: "app-1", deviceTypes: ["board"] });
});
afterAll(() => server.close());

const inTenant = <T>(work: (session: Session) => Promise<T>): Promise<T> =>
  server.server.services.postgres.inTenant(server.tenant.id, work);
const sqlOf = (text: string, ...values: unknown[]) =>
  inTenant((session) => session.raw(text, [server.tenant.id, ...values]));

/** What a device reports, of which many are equal, and some have none or not the same type. */
const known = fc.constantFrom(undefined, 5, "5", 10, -1, "a", "ab", "é", "x".repeat(200), `${"x".repeat(200)}y`);
type Known = number | string | undefined;

async function addDevice(value: Known): Promise<string> {
  const id = randomUUID();
  await inTenant(async (session) => {
    await session.raw(
      `INSERT INTO devices (tenant_id, id, identity, identity_hash, status, accepted_at)
        VALUES ($1, $2::uuid, '{}', uuid_send($2::uuid), 'accepted', now())`,
      [server.tenant.id, id],
    );
    await session.raw(
      "INSERT INTO inventory (tenant_id, device_id, status, attributes) VALUES ($1, $2, 'accepted', $3)",
      [server.tenant.id, id, JSON.stringify({ inventory: { value } })],
    );
  });
  return id;
}
const removeDevice = (id: string) => sqlOf("DELETE FROM devices WHERE tenant_id = $1 AND id = $2", id);

/** What happens between two pages: a row comes, or one goes, or something happens to it. `at` chooses which. */
const step = fc.record({ does: fc.constantFrom("come", "go", "happen"), at: fc.nat(1000), value: known });
const fleet = fc.record({
  first: fc.array(known, { minLength: 1, maxLength: 16 }),
  perPage: fc.integer({ min: 1, max: 5 }),
  steps: fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 8 }),
});

interface Page {
  readonly ids: readonly string[];
  readonly next: string | undefined;
}
async function pageOf(answer: Response): Promise<Page> {
  expect(answer.status).toBe(200);
  const rows = (await answer.json()) as { id?: string; seq?: number }[];
  return {
    ids: rows.map(({ id, seq }) => id ?? String(seq)),
    next: answer.headers.get("x-next-cursor") ?? undefined,
  };
}

/** Walks to the end, with something between the pages. @returns what was seen */
async function walk(read: (cursor: string) => Promise<Page>, between: (page: number) => Promise<void>) {
  const seen: string[] = [];
  let cursor: string | undefined = "";
  for (let page = 0; cursor !== undefined; page += 1) {
    const { ids, next }: Page = await read(cursor);
    seen.push(...ids);
    cursor = next;
    expect(page, "a walk ends").toBeLessThan(100);
    await between(page);
  }
  return seen;
}

/** Walks while devices come and go. @returns what was seen, and which devices were there all the time */
async function walkFleet(
  {
    first,
    steps,
  }: { first: readonly Known[]; steps: readonly (readonly { does: string; at: number; value: Known }[])[] },
  read: (cursor: string) => Promise<Page>,
  happens: (device: string) => Promise<unknown> = async () => {},
) {
  const staying = new Set<string>();
  for (const value of first) staying.add(await addDevice(value));
  const seen = await walk(read, async (page) => {
    for (const { does, at, value } of steps[page] ?? []) {
      const device = [...staying][at % Math.max(1, staying.size)];
      if (does === "come") await addDevice(value);
      else if (device !== undefined && does === "go") {
        await removeDevice(device);
        staying.delete(device);
      } else if (device !== undefined) await happens(device);
    }
  });
  return { seen, staying };
}

function expectOnce({ seen, staying }: { seen: readonly string[]; staying: ReadonlySet<string> }): void {
  expect(seen.toSorted()).toEqual([...new Set(seen)].toSorted());
  expect([...staying].filter((device) => !seen.includes(device))).toEqual([]);
}
const clear = () => sqlOf("DELETE FROM devices WHERE tenant_id = $1");
const RUNS = { numRuns: 25 };

test("walking the devices shows each one that stays exactly once, while others come and go", async () => {
  await fc.assert(
    fc
      .asyncProperty(fleet, async ({ perPage, ...rest }) => {
        const read = async (cursor: string) =>
          pageOf(await server.request("GET", `${DEVICES}?status=accepted&per_page=${perPage}&cursor=${cursor}`));
        expectOnce(await walkFleet(rest, read));
      })
      .beforeEach(clear),
    RUNS,
  );
});

const order = fc.constantFrom("asc", "desc");
const sort = fc.array(
  fc.record({
    scope: fc.constantFrom("inventory", "identity", "system"),
    attribute: fc.constantFrom("value", "status", "created_ts", "check_in_time", "group"),
    order,
  }),
  { maxLength: 2 },
);

test("walking a search does, too, however it is sorted, and sorts as pages do", async () => {
  await fc.assert(
    fc
      .asyncProperty(fleet, sort, async ({ perPage, ...rest }, by) => {
        const filters = [{ scope: "identity", attribute: "status", type: "$eq", value: "accepted" }];
        const query = { filters, sort: by, per_page: perPage };
        const read = async (cursor: string) => pageOf(await server.request("POST", SEARCH, { ...query, cursor }));
        expectOnce(await walkFleet(rest, read));
        const paged = await pageOf(await server.request("POST", SEARCH, { ...query, per_page: 500 }));
        // The two longest texts differ behind what a cursor keeps of them.
        const seen = await walk(read, async () => {});
        if (!rest.first.some((value) => String(value).length > 100)) expect(seen).toEqual(paged.ids);
      })
      .beforeEach(clear),
    RUNS,
  );
});

test("walking a group or the first version of the inventory does, too", async () => {
  await fc.assert(
    fc
      .asyncProperty(
        fleet,
        fc.constantFrom("groups/g/devices?", "devices?sort=value:desc&group=g&"),
        async (of, path) => {
          const { perPage, ...rest } = of;
          const read = async (cursor: string): Promise<Page> => {
            await sqlOf("UPDATE inventory SET group_name = 'g' WHERE tenant_id = $1");
            const answer = await server.request("GET", `${INVENTORY}/${path}per_page=${perPage}&cursor=${cursor}`);
            // Ids alone, or devices. A group without devices is no more.
            if (answer.status === 404) return { ids: [], next: undefined };
            const rows = (await answer.json()) as (string | { id: string })[];
            const next = answer.headers.get("x-next-cursor") ?? undefined;
            return { ids: rows.map((row) => (typeof row === "string" ? row : row.id)), next };
          };
          expectOnce(await walkFleet(rest, read));
        },
      )
      .beforeEach(clear),
    RUNS,
  );
});

test("walking the releases and the artifacts shows what pages show, however they are sorted", async () => {
  for (const [name, deviceTypes] of [
    ["app-2", ["b"]],
    ["app-3", ["a"]],
    ["app-3", ["b", "c"]],
    ["app-4", ["a"]],
  ] as const)
    await addTestArtifact(server, { name, deviceTypes: [...deviceTypes], content: name });
  await sqlOf("UPDATE releases SET tags = '{b,a}' WHERE tenant_id = $1 AND name IN ('app-1', 'app-3')");
  await sqlOf("UPDATE artifacts SET modified_at = '2025-01-01' WHERE tenant_id = $1 AND name <> 'app-3'");
  const lists = {
    "/api/management/v1/deployments/artifacts/list": ["", "name:desc", "modified:asc,size:desc", "size"],
    "/api/management/v2/deployments/artifacts": ["modified:desc", "name"],
    "/api/management/v1/deployments/deployments/releases/list": ["", "name:desc", "modified:asc"],
    "/api/management/v2/deployments/deployments/releases": ["artifacts_count:desc", "tags", "tags:desc,name:desc"],
  };
  for (const [path, orders] of Object.entries(lists))
    for (const by of orders) {
      const named = async (query: string) => {
        const answer = await server.request("GET", `${path}?sort=${by}&${query}`);
        expect(answer.status).toBe(200);
        const rows = (await answer.json()) as { id?: string; name?: string; Name?: string }[];
        return { answer, ids: rows.map(({ id, name, Name }) => id ?? name ?? Name ?? "") };
      };
      const paged = (await named("per_page=500")).ids;
      expect(paged.length).toBeGreaterThan(3);
      const seen = await walk(
        async (cursor) => {
          const { answer, ids } = await named(`per_page=2&cursor=${cursor}`);
          return { ids, next: answer.headers.get("x-next-cursor") ?? undefined };
        },
        async () => {},
      );
      expect(seen, `${path} ${by}`).toEqual(paged);
    }
});

test("walking a deployment does, too, while devices ask for the first time", async () => {
  await fc.assert(
    fc
      .asyncProperty(fleet, async ({ perPage, ...rest }) => {
        let id = "";
        const read = async (cursor: string) => {
          if (id === "") id = await deploy();
          return pageOf(
            await server.request("GET", `${DEPLOYMENTS}/${id}/devices/list?per_page=${perPage}&cursor=${cursor}`),
          );
        };
        const asks = (device: string) =>
          sqlOf(
            `INSERT INTO device_deployments (tenant_id, deployment_id, device_id, status) VALUES ($1, $2, $3, 'failure')
              ON CONFLICT DO NOTHING`,
            ...[id, device],
          );
        expectOnce(await walkFleet(rest, read, asks));
      })
      .beforeEach(clear),
    RUNS,
  );
});

/** A deployment to all devices, and the only one: an equal one that runs would be in its way. */
async function deploy(): Promise<string> {
  await sqlOf("DELETE FROM deployments WHERE tenant_id = $1");
  await sqlOf(
    `INSERT INTO device_counts (tenant_id, what, shard, n) VALUES ($1, 'status:accepted', 0, 1) ON CONFLICT DO NOTHING`,
  );
  const body = { name: "walked", artifact_name: "app-1", all_devices: true };
  const answer = await server.request("POST", DEPLOYMENTS, body);
  expect(answer.status).toBe(201);
  return answer.headers.get("location")?.split("/").at(-1) ?? "";
}

test("walking the audit log shows each record once, in both directions, while more are written", async () => {
  const who = { actor: { type: "user", id: "u" }, origin: {} };
  const entry = { ...who, action: "create", object: { type: "device", id: "d" } };
  const write = () => inTenant((session) => writeAudit(session, server.tenant.id, entry));
  for (let n = 0; n < 7; n += 1) await write();
  for (const direction of ["asc", "desc"]) {
    const read = async (cursor: string) =>
      pageOf(await server.request("GET", `${AUDIT}?object_id=d&sort=${direction}&per_page=2&cursor=${cursor}`));
    const before = (await pageOf(await server.request("GET", `${AUDIT}?object_id=d&sort=${direction}&per_page=500`)))
      .ids;
    const seen = await walk(read, async (page) => {
      if (page < 3) await write();
    });
    expect(seen.slice(0, before.length)).toEqual(before);
    expect(seen).toHaveLength(direction === "asc" ? before.length + 3 : before.length);
  }
});

test("a walk of a deployment shows devices of the asked status only, and those that have not asked as pending", async () => {
  await clear();
  for (let n = 0; n < 3; n += 1) await addDevice(undefined);
  const id = await deploy();
  const listed = await pageOf(await server.request("GET", `${DEPLOYMENTS}/${id}/devices/list?cursor=`));
  const [first = ""] = listed.ids;
  await sqlOf(
    "INSERT INTO device_deployments (tenant_id, deployment_id, device_id, status) VALUES ($1, $2, $3, 'failure')",
    ...[id, first],
  );
  const withStatus = async (status: string) =>
    (await server.request("GET", `${DEPLOYMENTS}/${id}/devices/list?cursor=&status=${status}`)).json();
  expect(await withStatus("failure")).toMatchObject([{ id: first, status: "failure", attempts: 1 }]);
  expect(await withStatus("pending")).toMatchObject(
    listed.ids.slice(1).map((device) => ({ id: device, status: "pending", attempts: 0 })),
  );
});

test("links of a walk lead to its first rows and to the next ones, and repeat the query", async () => {
  await clear();
  for (let n = 0; n < 3; n += 1) await addDevice(undefined);
  const answer = await server.request("GET", `${DEVICES}?status=accepted&per_page=2&cursor=`);
  const next = answer.headers.get("x-next-cursor");
  const links = answer.headers.get("link")?.split(/,\s*/);
  expect(links).toEqual([
    `<${DEVICES}?status=accepted&per_page=2&cursor=>; rel="first"`,
    `<${DEVICES}?status=accepted&per_page=2&cursor=${next}>; rel="next"`,
  ]);
  const last = await server.request("GET", /<([^>]*)>; rel="next"/.exec(links?.[1] ?? "")?.[1] ?? "");
  expect([await last.json(), last.headers.get("x-next-cursor")]).toEqual([[expect.anything()], null]);
});

test("a cursor that was changed, or that belongs to another query, list or tenant, is refused with CURSOR_INVALID", async () => {
  const cursorOf = async (of: TestServer): Promise<string> =>
    (await of.request("GET", `${DEVICES}?status=accepted&per_page=1&cursor=`)).headers.get("x-next-cursor") ?? "";
  const cursor = await cursorOf(server);
  expect(cursor).not.toBe("");
  const good = `${DEVICES}?status=accepted&per_page=7&cursor=${cursor}`;
  expect((await server.request("GET", good)).status).toBe(200);
  const other = cursor.startsWith("A") ? "B" : "A";
  for (const path of [
    `${DEVICES}?status=accepted&cursor=${other}${cursor.slice(1)}`,
    `${DEVICES}?status=accepted&cursor=${cursor.slice(0, -1)}`,
    `${DEVICES}?status=accepted&cursor=abc`,
    `${DEVICES}?status=rejected&cursor=${cursor}`,
    `${DEVICES}?cursor=${cursor}`,
    `${AUDIT}?cursor=${cursor}`,
  ]) {
    const answer = await server.request("GET", path);
    expect([answer.status, await answer.json()], path).toMatchObject([400, { code: "CURSOR_INVALID" }]);
  }
  const searched = await server.request("POST", SEARCH, { cursor });
  expect([searched.status, await searched.json()]).toMatchObject([400, { code: "CURSOR_INVALID" }]);
  const paged = await server.request("GET", `${good}&page=2`);
  expect([paged.status, await paged.json()]).toMatchObject([400, { code: "REQUEST_INVALID" }]);
  expect((await server.request("GET", `${DEVICES}?cursor=${"a".repeat(1025)}`)).status).toBe(400);
});

test("a cursor is worthless for another tenant of the same server", async () => {
  const cursor = (await server.request("GET", `${DEVICES}?per_page=1&cursor=`)).headers.get("x-next-cursor");
  const { postgres } = server.server.services;
  const other = await postgres.shared((session) => addTenant(session, "other"));
  const password = "correct horse battery";
  const hash = await hashPassword(password);
  await postgres.inTenant(other.id, (session) => addUser(session, other.id, "stranger@example.com", hash));
  const stranger = await logIn(server.url, "stranger@example.com", password);
  const answer = await fetch(`${server.url}${DEVICES}?per_page=1&cursor=${cursor}`, {
    headers: { authorization: `Bearer ${stranger}` },
  });
  expect([answer.status, await answer.json()]).toMatchObject([400, { code: "CURSOR_INVALID" }]);
});
