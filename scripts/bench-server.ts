/**
 * Measures the management server beside a bare Fastify route, and beside one that reads one row, in the same run.
 * Generator, server and PostgreSQL share the processors, each in a session of its own.
 *
 *   npm run bench:server                         1 k, 10 k, 100 k and 1 M registered devices
 *   npm run bench:server -- --devices 1000       these numbers of devices
 *   npm run bench:server -- --rounds 5           more rounds
 */
import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import pg from "pg";
import { pino } from "pino";
import { startPrivatePostgres } from "../server/adapters/postgres/private/private-postgres.ts";
import { say } from "./lib/run.ts";
import { measure, Program } from "./lib/server-bench/programs.ts";
import { registerDevices, tokensOf } from "./lib/server-bench/registered-devices.ts";
import { bundleServer, SERVER } from "./lib/server-bundle.ts";
import { median, table } from "./lib/statistics.ts";

const { values } = parseArgs({
  options: {
    devices: { type: "string", default: "1000,10000,100000,1000000" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "5" },
  },
});
const sizes = values.devices.split(",").map(Number);
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
/** Devices that poll. */
const POLLING = 200;
/** The first poll of a device looks for its token and for each deployment, which it does not again. */
const WARM_UP_S = 10;
const NEXT = "/api/devices/v2/deployments/device/deployments/next";
const DEPLOYMENTS = "/api/management/v1/deployments/deployments";

const folder = await mkdtemp(join(tmpdir(), "switchback-bench-server-"));
// The user of PostgreSQL goes through here.
await chmod(folder, 0o711);
const database = await startPrivatePostgres({ folder: join(folder, "postgres"), log: pino({ level: "error" }) });
const programs: Program[] = [];
try {
  await bundleServer(join(folder, "program"));
  const server = new Program([
    ...[join(folder, "program", SERVER), "start", "--tls", "off", "--listen", "127.0.0.1:0", "--local-listen"],
    ...["127.0.0.1:0", "--data", join(folder, "data"), "--database", database.url, "--log-level", "error"],
  ]);
  programs.push(server);
  const password = await server.said(/shown only now: (\S+)/);
  const url = await server.said(/Devices and people: (\S+)/);
  const client = new pg.Client(database.url);
  await client.connect();
  const { rows: tenants } = await client.query("SELECT id FROM tenants");
  const tenant = tenants[0].id as string;
  await client.query("CREATE TABLE bench_rows AS SELECT gen_random_uuid() AS id, n FROM generate_series(1, 1000) AS n");
  await client.query("ALTER TABLE bench_rows ADD PRIMARY KEY (id)");
  programs.push(new Program(["scripts/run.mjs", "bench-bare-route", "18101"]));
  programs.push(new Program(["scripts/run.mjs", "bench-bare-route", "18102", database.url]));
  for (const program of programs.slice(1)) await program.said(/(ready)/);

  const rows: string[][] = [];
  let registered = 0;
  for (const size of sizes) {
    await registerDevices(client, tenant, registered, size);
    registered = size;
    const step = Math.max(1, Math.floor(size / POLLING));
    const numbers = Array.from({ length: Math.min(POLLING, size) }, (_, n) => n * step);
    const tokens = await tokensOf(database.url, tenant, numbers);
    const polls = tokens.map((token) => ({
      ...{ method: "POST" as const, path: NEXT },
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
      body: '{"device_provides":{"artifact_name":"release-1","device_type":"board-1"}}',
    }));
    const to = (target: string) => measure({ url: target, seconds, connections: 50, requests: polls });
    const warmUp = () => measure({ url, seconds: WARM_UP_S, connections: 50, requests: polls });
    await warmUp();
    const idle = await alternately({ bare: () => to("http://127.0.0.1:18101"), server: () => to(url) });
    const token = await logIn(url, password);
    const deployments = await tenDeployments(url, token, tenant, client);
    await warmUp();
    const busy = await alternately({ row: () => to("http://127.0.0.1:18102"), server: () => to(url) });
    const paced = await measure({ url, seconds, connections: 50, requests: polls, rate: (1_000_000 / 1800) * 5 });
    const search = await timed(20, () =>
      post(url, token, "/api/management/v2/inventory/filters/search", {
        ...{ page: 1, per_page: 20 },
        filters: [
          { scope: "inventory", attribute: "site", type: "$eq", value: "site-7" },
          { scope: "inventory", attribute: "hardware", type: "$eq", value: "revision-3" },
        ],
      }),
    );
    const create = await timed(20, (n) =>
      post(url, token, DEPLOYMENTS, { name: `all-${size}-${n}`, artifact_name: "release-2", all_devices: true }),
    );
    const statistics = await timed(20, () => get(url, token, `${DEPLOYMENTS}/${deployments[0]}/statistics`));
    await client.query("UPDATE deployments SET state = 'aborted', finished_at = now()");
    rows.push([
      ...[String(size), `${Math.round(idle.server)} (${ratio(idle.server, idle.bare)} of bare)`],
      ...[`${Math.round(busy.server)} (${ratio(busy.server, busy.row)} of one row)`, `${paced.p99.toFixed(1)} ms`],
      ...[`${search.toFixed(1)} ms`, `${create.toFixed(1)} ms`, `${statistics.toFixed(1)} ms`],
    ]);
    say(rows.at(-1)?.join("  ") ?? "");
  }
  const head = ["Devices", "Polls a second, nothing running", "Ten deployments running", "p99 at 2,778 polls a second"];
  say(`\n${table([...head, "Search, first page", "Create for all", "Statistics"], rows)}`);
  await client.end();
} finally {
  for (const program of programs) await program.stop();
  await database.stop();
  await rm(folder, { recursive: true, force: true });
}

/** The medians of requests a second, measured in turn. */
async function alternately<Name extends string>(
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

function ratio(value: number, other: number): string {
  return (value / other).toFixed(2);
}

async function timed(times: number, act: (n: number) => Promise<unknown>): Promise<number> {
  const all: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const begin = performance.now();
    await act(n);
    all.push(performance.now() - begin);
  }
  return median(all);
}

async function logIn(url: string, password: string): Promise<string> {
  const credentials = Buffer.from(`admin@localhost:${password}`).toString("base64");
  const headers = { authorization: `Basic ${credentials}` };
  return (await fetch(`${url}/api/management/v1/useradm/auth/login`, { method: "POST", headers })).text();
}

async function post(url: string, token: string, path: string, body: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(`${url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  await answer.arrayBuffer();
  return answer;
}

async function get(url: string, token: string, path: string): Promise<void> {
  const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  await answer.arrayBuffer();
}

/** Ten deployments of a release for other device types, so that each poll has to look at them. @returns their ids */
async function tenDeployments(url: string, token: string, tenant: string, client: pg.Client): Promise<string[]> {
  await client.query("SELECT set_config('app.tenant', $1, false)", [tenant]);
  await client.query("INSERT INTO releases (tenant_id, name) VALUES ($1, 'release-2') ON CONFLICT DO NOTHING", [
    tenant,
  ]);
  await client.query(
    `INSERT INTO artifacts (tenant_id, id, name, object_key, size, sha256, format_version, signed, device_types, depends,
        provides, updates) VALUES ($1, $2, 'release-2', 'none', 1, '', 3, false, '{other}', '{}', '{}', '[]')`,
    [tenant, randomUUID()],
  );
  const ids: string[] = [];
  for (let n = 0; n < 10; n += 1) {
    const body = { name: `bench-${randomUUID()}`, artifact_name: "release-2", all_devices: true };
    const answer = await post(url, token, DEPLOYMENTS, body);
    ids.push(answer.headers.get("location")?.split("/").at(-1) ?? "");
  }
  return ids;
}
