import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { connectPostgres } from "../../../server/adapters/postgres/postgres.ts";
import { tickRollouts } from "../../../server/jobs/tick-rollouts.ts";
import { say } from "../run.ts";
import { median, table } from "../statistics.ts";
import { registerDevices } from "./registered-devices.ts";
import type { ServerUnderTest } from "./server-under-test.ts";

const FILTERS = "/api/management/v2/inventory/filters";
const DEPLOYMENTS = "/api/management/v1/deployments/deployments";
const ROLLOUTS = "/api/management/v2/deployments/rollouts";
/** That run while the ticker is measured. */
const RUNNING = 10;
/** PostgreSQL counts written rows in a second or so after the commit. */
const COUNTED_MS = 2000;

const is = (attribute: string, value: string) => ({ scope: "inventory", attribute, type: "$eq", value });
const SITE = [is("site", "site-7"), is("hardware", "revision-3")];
const LARGE = [is("artifact_name", "release-3"), is("hardware", "revision-3")];
/** They find what the first two find. */
const SIX = [
  ...SITE,
  { ...is("device_type", ""), type: "$in", value: ["board-3", "board-9"] },
  { ...is("serial", ""), type: "$exists", value: true },
  { scope: "identity", attribute: "mac", type: "$regex", value: "^[0-9]+$" },
  { not: { any: [{ scope: "system", attribute: "group", type: "$eq", value: "lab" }, is("site", "site-8")] } },
];

/** What people and the ticker ask of many devices. The last column is the cost at the largest number, relative to the smallest. */
export async function measureFleets(server: ServerUnderTest, sizes: readonly number[], rounds: number): Promise<void> {
  const { client, tenant } = server;
  const times = 10 * rounds;
  const columns: { readonly size: number; readonly figures: Readonly<Record<string, number>> }[] = [];
  let registered = 0;
  for (const size of sizes) {
    await registerDevices(client, tenant, registered, size);
    registered = size;
    const figures = {
      ...(await askOfMany(server, times)),
      ...(await openWaves(server, rounds)),
      ...(await tick(server, times)),
    };
    columns.push({ size, figures });
    say(`${size} ${JSON.stringify(figures)}`);
  }
  const [first, last] = [columns[0]?.figures ?? {}, columns.at(-1)?.figures ?? {}];
  const rows = Object.keys(first).map((name) => [
    ...[name, ...columns.map(({ figures }) => (figures[name] ?? Number.NaN).toFixed(1))],
    ...(columns.length > 1 ? [`${((last[name] ?? 0) / (first[name] ?? 1)).toFixed(1)}x`] : []),
  ]);
  const head = ["ms", ...sizes.map(String), ...(columns.length > 1 ? ["Growth"] : [])];
  say(`\n${table(head, rows)}`);
}

async function askOfMany({ post, get }: ServerUnderTest, times: number): Promise<Record<string, number>> {
  const search = await timed(times, () => post(`${FILTERS}/search`, { per_page: 20, filters: SIX }));
  const small = await filterOf(post, SITE);
  const large = await filterOf(post, LARGE);
  return {
    "search with six predicates": search,
    "count of a dynamic group, two attributes": await timed(times, () => get(`${small}/count`)),
    "the same, many devices": await timed(times, () => get(`${large}/count`)),
    "the same, exact": await timed(3, () => get(`${large}/count?exact=true`)),
  };
}

async function filterOf(post: ServerUnderTest["post"], terms: unknown): Promise<string> {
  return (await post(FILTERS, { name: randomUUID(), terms })).headers.get("location") ?? "";
}

/** A rollout whose first wave is open. @returns its id */
async function newRollout({ post }: ServerUnderTest): Promise<string> {
  const gate = { success_pct: 100 };
  const waves = [{ count: 1, gate }, { percent: 25, gate }, { rest: true }];
  const body = { name: randomUUID(), artifact_name: "release-2", all_devices: true, rollout: { waves } };
  return (await post(DEPLOYMENTS, body)).headers.get("location")?.split("/").at(-1) ?? "";
}

async function openWaves(server: ServerUnderTest, rounds: number): Promise<Record<string, number>> {
  await addRelease(server);
  const durations: number[] = [];
  const written: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const id = await newRollout(server);
    const before = await rowsWritten(server);
    const begin = performance.now();
    await server.post(`${ROLLOUTS}/${id}/acts`, { act: "open_next" });
    durations.push(performance.now() - begin);
    written.push((await rowsWritten(server)) - before);
    await endAll(server);
  }
  return { "open a wave of 25 %": median(durations), "rows that this writes": median(written) };
}

async function rowsWritten({ client }: ServerUnderTest): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, COUNTED_MS));
  const { rows } = await client.query<{ n: number }>(
    "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::int AS n FROM pg_stat_user_tables",
  );
  return rows[0]?.n ?? 0;
}

/** The ticker with rollouts that wait, and with one whose counters have changed. */
async function tick(server: ServerUnderTest, times: number): Promise<Record<string, number>> {
  const ids: string[] = [];
  for (let n = 0; n < RUNNING; n += 1) ids.push(await newRollout(server));
  const postgres = connectPostgres({ url: server.databaseUrl, connections: 2 });
  const log = pino({ level: "error" });
  const once = () => tickRollouts(postgres, () => {}, log);
  await once();
  const waiting = await timed(times, once);
  const moving: number[] = [];
  for (let n = 0; n < times; n += 1) {
    await server.client.query(
      `INSERT INTO deployment_counts (tenant_id, deployment_id, status, wave, shard, n) VALUES ($1, $2, 'pending', 0, $3, 1)
        ON CONFLICT (tenant_id, deployment_id, status, wave, shard) DO UPDATE SET n = deployment_counts.n + 1`,
      [server.tenant, ids[n % RUNNING], n % 8],
    );
    moving.push(await timed(1, once));
  }
  await postgres.close();
  await endAll(server);
  return { "tick of ten rollouts that wait": waiting, "tick that moves one of them": median(moving) };
}

async function endAll({ client }: ServerUnderTest): Promise<void> {
  await client.query("UPDATE deployments SET state = 'aborted', finished_at = now() WHERE state <> 'aborted'");
  await client.query("DELETE FROM rollout_clocks");
}

async function addRelease({ client, tenant }: ServerUnderTest): Promise<void> {
  await client.query("SELECT set_config('app.tenant', $1, false)", [tenant]);
  await client.query("INSERT INTO releases (tenant_id, name) VALUES ($1, 'release-2') ON CONFLICT DO NOTHING", [
    tenant,
  ]);
}

async function timed(times: number, act: () => Promise<unknown>): Promise<number> {
  const all: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const begin = performance.now();
    await act();
    all.push(performance.now() - begin);
  }
  return median(all);
}
