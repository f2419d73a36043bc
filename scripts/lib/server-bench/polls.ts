import { randomUUID } from "node:crypto";
import type pg from "pg";
import { say } from "../run.ts";
import { median, table } from "../statistics.ts";
import { measure, Program } from "./programs.ts";
import { registerDevices, tokensOf } from "./registered-devices.ts";
import type { ServerUnderTest } from "./server-under-test.ts";

export interface PollOptions {
  /** Numbers of registered devices, rising. */
  readonly sizes: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
}

/** Devices that poll. */
const POLLING = 200;
/** The first poll of a device looks for its token and for each deployment, which it does not again. */
const WARM_UP_S = 10;
const NEXT = "/api/devices/v2/deployments/device/deployments/next";
const DEPLOYMENTS = "/api/management/v1/deployments/deployments";
/** Five times what a million devices make that poll each half hour. */
export const PACE = (1_000_000 / 1800) * 5;
const BARE = ["18101", "18102"] as const;

/**
 * Polls beside a bare Fastify route, and beside one that reads one row, and what people ask, at each number of devices.
 * The last column of each kind is the cost at the largest number, relative to the smallest.
 */
export async function measurePolls(server: ServerUnderTest, { sizes, rounds, seconds }: PollOptions): Promise<void> {
  const { client, tenant, url } = server;
  await client.query("CREATE TABLE bench_rows AS SELECT gen_random_uuid() AS id, n FROM generate_series(1, 1000) AS n");
  await client.query("ALTER TABLE bench_rows ADD PRIMARY KEY (id)");
  const bare = [
    new Program(["scripts/run.mjs", "bench-bare-route", BARE[0]]),
    new Program(["scripts/run.mjs", "bench-bare-route", BARE[1], server.databaseUrl]),
  ];
  try {
    for (const program of bare) await program.said(/(ready)/);
    const rows: string[][] = [];
    const costs: number[][] = [];
    let registered = 0;
    for (const size of sizes) {
      await registerDevices(client, tenant, registered, size);
      registered = size;
      const polls = await pollsOf(server, size);
      const to = (target: string) => measure({ url: target, seconds, connections: 50, requests: polls });
      const warmUp = () => measure({ url, seconds: WARM_UP_S, connections: 50, requests: polls });
      await warmUp();
      const idle = await alternately(rounds, { bare: () => to(`http://127.0.0.1:${BARE[0]}`), server: () => to(url) });
      const deployments = await tenDeployments(server);
      await warmUp();
      const busy = await alternately(rounds, { row: () => to(`http://127.0.0.1:${BARE[1]}`), server: () => to(url) });
      const paced = await measure({ url, seconds, connections: 50, requests: polls, rate: PACE });
      const { search, create, statistics } = await askAsPeople(server, size, deployments);
      await client.query("UPDATE deployments SET state = 'aborted', finished_at = now()");
      rows.push([
        ...[String(size), `${Math.round(idle.server)} (${ratio(idle.server, idle.bare)} of bare)`],
        ...[`${Math.round(busy.server)} (${ratio(busy.server, busy.row)} of one row)`, `${paced.p99.toFixed(1)} ms`],
        ...[`${search.toFixed(1)} ms`, `${create.toFixed(1)} ms`, `${statistics.toFixed(1)} ms`],
      ]);
      // The rates of the peers, too: the machine may have been slower at one size than at another.
      costs.push([idle.bare / idle.server, busy.row / busy.server, Number.NaN, search, create, statistics]);
      say(rows.at(-1)?.join("  ") ?? "");
    }
    const last = costs.at(-1) ?? [];
    const growth = last.map((cost, n) => (Number.isNaN(cost) ? "" : `${(cost / (costs[0]?.[n] ?? 1)).toFixed(2)}x`));
    if (sizes.length > 1) rows.push([`Cost at ${sizes.at(-1)}, relative to ${sizes[0]}`, ...growth]);
    const head = ["Devices", "Polls a second, nothing running", "Ten deployments running"];
    const pace = `p99 at ${Math.round(PACE)} polls a second`;
    say(`\n${table([...head, pace, "Search, first page", "Create for all", "Statistics"], rows)}`);
  } finally {
    for (const program of bare) await program.stop();
  }
}

/** The polls of some devices, spread evenly over all. */
export async function pollsOf({ databaseUrl, tenant }: ServerUnderTest, size: number) {
  const step = Math.max(1, Math.floor(size / POLLING));
  const numbers = Array.from({ length: Math.min(POLLING, size) }, (_, n) => n * step);
  const tokens = await tokensOf(databaseUrl, tenant, numbers);
  return tokens.map((token) => ({
    ...{ method: "POST" as const, path: NEXT },
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: '{"device_provides":{"artifact_name":"release-1","device_type":"board-1"}}',
  }));
}

async function askAsPeople({ post, get }: ServerUnderTest, size: number, deployments: readonly string[]) {
  const search = await timed(20, () =>
    post("/api/management/v2/inventory/filters/search", {
      ...{ page: 1, per_page: 20 },
      filters: [
        { scope: "inventory", attribute: "site", type: "$eq", value: "site-7" },
        { scope: "inventory", attribute: "hardware", type: "$eq", value: "revision-3" },
      ],
    }),
  );
  const create = await timed(20, (n) =>
    post(DEPLOYMENTS, { name: `all-${size}-${n}`, artifact_name: "release-2", all_devices: true }),
  );
  const statistics = await timed(20, () => get(`${DEPLOYMENTS}/${deployments[0]}/statistics`));
  return { search, create, statistics };
}

/** The medians of requests a second, measured in turn. */
async function alternately<Name extends string>(
  rounds: number,
  what: Readonly<Record<Name, () => Promise<{ readonly perSecond: number; readonly statuses: object }>>>,
): Promise<Record<Name, number>> {
  const found = {} as Record<Name, number[]>;
  for (let round = 0; round < rounds; round += 1)
    for (const name of Object.keys(what) as Name[]) {
      const { perSecond, statuses } = await what[name]();
      const others = Object.keys(statuses).filter((status) => status !== "204");
      if (others.length > 0) throw new Error(`${name} answered ${JSON.stringify(statuses)}`);
      found[name] = [...(found[name] ?? []), perSecond];
    }
  return Object.fromEntries(Object.entries<number[]>(found).map(([name, all]) => [name, median(all)])) as never;
}

const ratio = (value: number, other: number): string => (value / other).toFixed(2);

async function timed(times: number, act: (n: number) => Promise<unknown>): Promise<number> {
  const all: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const begin = performance.now();
    await act(n);
    all.push(performance.now() - begin);
  }
  return median(all);
}

/** Ten deployments of a release for other device types, so that each poll has to look at them. @returns their ids */
async function tenDeployments({ client, tenant, post }: ServerUnderTest): Promise<string[]> {
  await addRelease(client, tenant);
  const ids: string[] = [];
  for (let n = 0; n < 10; n += 1) {
    const body = { name: `bench-${randomUUID()}`, artifact_name: "release-2", all_devices: true };
    const answer = await post(DEPLOYMENTS, body);
    ids.push(answer.headers.get("location")?.split("/").at(-1) ?? "");
  }
  return ids;
}

async function addRelease(client: pg.Client, tenant: string): Promise<void> {
  await client.query("SELECT set_config('app.tenant', $1, false)", [tenant]);
  await client.query("INSERT INTO releases (tenant_id, name) VALUES ($1, 'release-2') ON CONFLICT DO NOTHING", [
    tenant,
  ]);
  await client.query(
    `INSERT INTO artifacts (tenant_id, id, name, object_key, size, sha256, format_version, signed, device_types, depends,
        provides, updates) VALUES ($1, $2, 'release-2', 'none', 1, '', 3, false, '{other}', '{}', '{}', '[]')`,
    [tenant, randomUUID()],
  );
}
