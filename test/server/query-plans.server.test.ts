import { afterAll, beforeAll, expect, test } from "vitest";
import { countMatching } from "../../server/adapters/postgres/count-matching.ts";
import {
  findDeploymentDevice,
  listDeploymentDevices,
  listHistory,
  walkDeploymentDevices,
} from "../../server/adapters/postgres/deployment-devices.ts";
import { findDeployment, listDeployments, listRunning } from "../../server/adapters/postgres/deployments.ts";
import { countByStatus, listDevices, walkDevices } from "../../server/adapters/postgres/devices.ts";
import { listApplicants } from "../../server/adapters/postgres/enrolment.ts";
import { eventBounds, readEvents } from "../../server/adapters/postgres/events.ts";
import { listGroupDevices, listGroups, readGroup, walkGroupDevices } from "../../server/adapters/postgres/groups.ts";
import { searchAndCount, searchInventory } from "../../server/adapters/postgres/inventory-search.ts";
import { walkInventory } from "../../server/adapters/postgres/inventory-walk.ts";
import { readLastPoll } from "../../server/adapters/postgres/last-poll.ts";
import type { Session } from "../../server/adapters/postgres/postgres.ts";
import { readSituation } from "../../server/adapters/postgres/situation.ts";
import { parseConditions } from "../../server/domain/filters/predicate.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

/** Enough that PostgreSQL prefers an index to a look at all rows. */
const DEVICES = 30_000;
const DEPLOYMENT = "00000000-0000-4000-9000-000000000000";
const ID = "(lpad(to_hex(n), 8, '0') || '-0000-4000-8000-000000000000')::uuid";
const DEVICE = "00000007-0000-4000-8000-000000000000";
/** They grow with the fleet or with time: a request that looks at all their rows gets slower and slower. */
const LARGE = ["devices", "auth_sets", "inventory", "device_state", "device_deployments", "events"];

let server: TestServer;
let tenant: string;
beforeAll(async () => {
  server = await startTestServer();
  tenant = server.tenant.id;
  const rows = `generate_series(1, ${DEVICES}) AS n`;
  const insert = (session: Session, table: string, columns: string, values: string) =>
    session.raw(`INSERT INTO ${table} (tenant_id, ${columns}) SELECT $1::uuid, ${values} FROM ${rows}`, [tenant]);
  await inTenant(async (session) => {
    // One in a hundred waits: what asks for a few must not look at all.
    const status = "CASE n % 100 WHEN 0 THEN 'pending' ELSE 'accepted' END";
    const age = "now() - n * interval '1 minute'";
    await insert(
      session,
      "devices",
      "id, identity, identity_hash, status, created_at, accepted_at",
      `${ID}, '{}', int8send(n), ${status}, ${age}, ${age}`,
    );
    await insert(
      session,
      "auth_sets",
      "id, device_id, pubkey, pubkey_hash, status",
      `${ID}, ${ID}, n::text, int8send(n), ${status}`,
    );
    await insert(
      session,
      "device_state",
      "device_id, check_in_at, poll_interval_s, artifact_name",
      `${ID}, now(), 1800, CASE n % 1000 WHEN 0 THEN 'release-1_INCONSISTENT' ELSE 'release-1' END`,
    );
    await insert(
      session,
      "inventory",
      "device_id, status, group_name, attributes",
      `${ID}, ${status}, CASE n % 50 WHEN 0 THEN 'lab' END, jsonb_build_object('inventory',
        jsonb_build_object('site', 's' || n % 300, 'kind', 'k' || n % 7, 'artifact_name', 'release-' || n % 3))`,
    );
    await session.raw("INSERT INTO releases (tenant_id, name) VALUES ($1, 'release-1')", [tenant]);
    await session.raw(
      `INSERT INTO deployments (tenant_id, id, name, artifact_name, target, state, device_count)
        VALUES ($1, $2, 'all', 'release-1', '{"kind": "all"}', 'inprogress', $3)`,
      [tenant, DEPLOYMENT, DEVICES],
    );
    // Every second device has asked.
    await session.raw(
      `INSERT INTO device_deployments (tenant_id, deployment_id, device_id, status, finished_at)
        SELECT $1::uuid, $2::uuid, ${ID}, 'success', now() FROM ${rows} WHERE n % 2 = 0`,
      [tenant, DEPLOYMENT],
    );
    await insert(session, "events", "key, type, data, created_at", "gen_random_uuid(), 'device-accepted', '{}', now()");
  });
  await inTenant((session) => session.raw(`ANALYZE ${LARGE.join(", ")}`));
});
afterAll(() => server.close());

const inTenant = <T>(work: (session: Session) => Promise<T>): Promise<T> =>
  server.server.services.postgres.inTenant(tenant, work);

/** Does `work`, and asks for the plan of each of its statements. */
function plansOf(work: (session: Session) => Promise<unknown>): Promise<string[]> {
  return inTenant(async (session) => {
    const plans: string[] = [];
    const explain = async (text: string, values: readonly unknown[]): Promise<void> => {
      if (/^\s*SET /.test(text)) return;
      const plan = await session.raw<{ "QUERY PLAN": string }>(`EXPLAIN ${text}`, values);
      plans.push(plan.map((line) => line["QUERY PLAN"]).join("\n"));
    };
    await work({
      ...session,
      rows: async (query) => {
        const { sql, parameters } = query.compile();
        await explain(sql, parameters);
        return session.rows(query);
      },
      first: async (query) => {
        const { sql, parameters } = query.compile();
        await explain(sql, parameters);
        return session.first(query);
      },
      raw: async (text, values = []) => {
        await explain(text, values);
        return session.raw(text, values);
      },
    });
    return plans;
  });
}

const is = (attribute: string, value: string) => ({ scope: "inventory", attribute, type: "$eq", value });
const SITE = parseConditions([is("site", "s7"), is("kind", "k3")]);
const FIRST = { offset: 0, limit: 20 };
const WALK = { after: undefined, limit: 20 };
const everything = { user: DEVICE, grants: new Map() };
const none = {};

const REQUESTS: Readonly<Record<string, (session: Session) => Promise<unknown>>> = {
  "a search on two attributes": (session) => searchAndCount(session, tenant, { predicate: SITE }, FIRST),
  "devices whose update failed half-way": (session) =>
    searchAndCount(
      session,
      tenant,
      { predicate: parseConditions([{ scope: "system", attribute: "inconsistent", type: "$eq", value: "true" }]) },
      FIRST,
    ),
  "the first devices of all": (session) => searchInventory(session, tenant, { predicate: parseConditions([]) }, FIRST),
  "a walk of all devices": (session) => walkInventory(session, tenant, { predicate: parseConditions([]) }, WALK),
  "one device of the inventory": (session) =>
    searchInventory(session, tenant, { predicate: parseConditions([]), devices: [DEVICE] }, FIRST),
  "an exact count of a dynamic group": (session) => countMatching(session, tenant, SITE, true),
  "devices of a group": (session) => listGroupDevices(session, tenant, "lab", FIRST),
  "a walk of the devices of a group": (session) => walkGroupDevices(session, tenant, "lab", WALK),
  "the names of groups": (session) => listGroups(session, tenant),
  "the group of a device": (session) => readGroup(session, tenant, DEVICE),
  "the oldest devices": (session) => listDevices(session, tenant, none, FIRST),
  "the oldest devices of a status": (session) => listDevices(session, tenant, { status: ["accepted"] }, FIRST),
  "the oldest devices of two statuses": (session) =>
    listDevices(session, tenant, { status: ["accepted", "pending"] }, FIRST),
  "devices by their ids": (session) => listDevices(session, tenant, { id: [DEVICE] }, FIRST),
  "a walk of the devices of a status": (session) => walkDevices(session, tenant, { status: ["pending"] }, WALK),
  "a walk of the devices by their age": (session) => walkDevices(session, tenant, none, WALK),
  "devices by status": (session) => countByStatus(session, tenant),
  "devices that rules may accept": (session) => listApplicants(session, tenant, undefined, 20),
  "the last poll of a device": (session) => readLastPoll(session, tenant, DEVICE),
  "deployments that run": (session) => listRunning(session, tenant),
  "a page of deployments": (session) =>
    listDeployments(
      session,
      tenant,
      {
        ...{ states: [], type: undefined, search: undefined, names: [], ids: [] },
        ...{ createdAfter: undefined, createdBefore: undefined, direction: "desc" },
      },
      FIRST,
    ),
  "a walk of the devices of a deployment": async (session) =>
    walkDeploymentDevices(session, tenant, await findDeployment(session, tenant, DEPLOYMENT), undefined, WALK),
  "a page of the devices of a deployment": async (session) =>
    listDeploymentDevices(session, tenant, await findDeployment(session, tenant, DEPLOYMENT), undefined, FIRST),
  "one device of a deployment": async (session) =>
    findDeploymentDevice(session, tenant, await findDeployment(session, tenant, DEPLOYMENT), DEVICE),
  "the deployments of a device": (session) => listHistory(session, tenant, DEVICE, undefined, FIRST),
};

for (const [title, request] of Object.entries(REQUESTS))
  test(`${title} cost no look at all rows of a large table`, async () => {
    const plans = await plansOf(request);
    expect(plans.length).toBeGreaterThan(0);
    for (const plan of plans) {
      const scanned = LARGE.filter((table) => new RegExp(`Seq Scan on ${table}\\b`).test(plan));
      expect(scanned, plan).toEqual([]);
    }
  });

test("the number of inconsistent devices comes from its index", async () => {
  const plans = await plansOf((session) => readSituation(session, tenant, everything));
  expect(plans.join("\n")).toContain("device_state_inconsistent");
});

test("an exact count asks the index once for all attributes", async () => {
  const [plan] = (await plansOf((session) => countMatching(session, tenant, SITE, true))).slice(-1);
  expect(plan?.match(/Bitmap Index Scan on inventory_attributes/g), plan).toHaveLength(1);
});

test("events are read by their numbers", async () => {
  const { postgres } = server.server.services;
  const { newest } = await eventBounds(postgres, tenant);
  expect(newest).toBeGreaterThanOrEqual(DEVICES);
  expect(await readEvents(postgres, tenant, { after: newest - 1, limit: 5 })).toHaveLength(1);
});

test("a statement that looks at all rows is found", async () => {
  const [plan] = await plansOf((session) =>
    session.raw("SELECT count(*) FROM devices WHERE tenant_id = $1 AND identity @> '{}'", [tenant]),
  );
  expect(plan).toContain("Seq Scan on devices");
});
