import { appendFile, chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { simulate } from "../../../../fleet/simulate/simulate.ts";
import { Random } from "../../../../qemu/harness/random.ts";
import { endOrphans, readPostmaster } from "../../../../server/adapters/postgres/private/postmaster.ts";
import { killProcess } from "../../../support/kill-process.ts";
import { BuiltServer, type Running } from "../../../support/server/built-server.ts";
import { command } from "../../../support/server/command.ts";
import { freePort } from "../../../support/server/free-port.ts";
import { logIn } from "../../../support/server/test-server.ts";
import { startReceiver } from "../../../support/server/webhook-receiver.ts";
import { Comparison } from "./compare.ts";
import { Ledger } from "./ledger.ts";
import { Load, type Place } from "./load.ts";

const SEED = Number(process.env["SWITCHBACK_KILLS_SEED"] ?? 20_260_301);
const KILLS = Number(process.env["SWITCHBACK_KILLS"] ?? 6);
const PASSWORD = "correct horse battery";
/** After the server is ready again, a kill comes within so many milliseconds. */
const WITHIN_MS = 1500;
const LONG_MS = 120_000;
const TARGETS = ["server", "PostgreSQL", "both"] as const;
type Target = (typeof TARGETS)[number];

let program: BuiltServer;
let folder: string;
let running: Running;
let port: number;
const random = new Random(SEED);
const ledger = new Ledger();
const killed: Record<Target, number> = { server: 0, PostgreSQL: 0, both: 0 };
const backMs: number[] = [];
const failedStarts: string[] = [];

beforeAll(async () => {
  program = await BuiltServer.build();
  folder = await mkdtemp(join(tmpdir(), "kills-"));
  await chmod(folder, 0o711);
  await writeFile(join(folder, "password"), PASSWORD);
  port = await freePort();
});
afterAll(async () => {
  running.child.kill("SIGKILL");
  await running.ended;
  await endOrphans(cluster());
  await rm(folder, { recursive: true, force: true });
});

const data = (): string => join(folder, "data");
const cluster = (): string => join(data(), "postgres", "data");

/** What a supervisor does with a program that has ended: nothing else is needed. */
function start(): void {
  const where = ["--data", data(), "--listen", `127.0.0.1:${port}`, "--local-listen", "off", "--tls", "off"];
  const receivers = ["--webhook-allow", "127.0.0.1"];
  const admin = ["--admin", "admin@example.com", "--admin-password-file", join(folder, "password")];
  running = program.start("start", ...where, ...admin, ...receivers, "--log-level", "error");
}

async function isReady(): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined); // ignored: it is away.
  return answer?.status === 200;
}

/** @param gone a killed postmaster: the processes of its connections outlive it for a moment, and still answer */
async function untilReady(gone?: number): Promise<void> {
  const isBack = async (): Promise<boolean> => {
    if (running.child.exitCode !== null) {
      // A start that has failed, for example because what was killed still held the data. It says why.
      failedStarts.push(running.heard());
      start();
    }
    return (gone === undefined || (await readPostmaster(cluster()))?.pid !== gone) && (await isReady());
  };
  await expect
    .poll(isBack, { timeout: LONG_MS, interval: 20 })
    .toBe(true)
    .catch((cause: unknown) => {
      throw new Error(`it did not come back: ${[...failedStarts, running.heard()].join("\n")}`, { cause });
    });
}

/** @returns the postmaster, if it was killed */
async function kill(target: Target): Promise<number | undefined> {
  const postmaster = (await readPostmaster(cluster()))?.pid;
  const victims = { server: [running.child.pid], PostgreSQL: [postmaster], both: [running.child.pid, postmaster] };
  const pids = random.below(2) === 0 ? victims[target] : victims[target].toReversed();
  for (const pid of pids) killProcess(pid, "SIGKILL");
  if (target !== "PostgreSQL") {
    await running.ended;
    start();
  }
  return target === "server" ? undefined : postmaster;
}

test(`killed at ${KILLS} instants under load, the server comes back, and has all that it acknowledged`, async () => {
  start();
  await untilReady();
  const url = `http://127.0.0.1:${port}`;
  const [, tenants] = await command("tenant", "list", "--json", "--data", data());
  const tenantToken: string = JSON.parse(tenants)[0].tenant_token;
  const place: Place = { url, tenantToken, token: await logIn(url, "admin@example.com", PASSWORD) };
  const receiver = await startReceiver();
  await registerReceiver(place, receiver.url);
  const load = new Load(place, ledger, new Random(SEED + 1));
  await load.start();
  const end = new AbortController();
  const fleet = { devices: 40 + 4 * KILLS, rampS: 4 * KILLS, intervalS: 2, connections: 20, durationS: undefined };
  const lives = { deviceType: "board-b", failures: 0.1, stepS: 0.2, download: true, attributes: 5, seed: String(SEED) };
  const simulation = simulate({ url: new URL(url), tenantToken, ...fleet, ...lives }, end.signal);
  const comparison = new Comparison(place, ledger);
  for (let n = 1; n <= KILLS; n += 1) {
    const target = random.pick(TARGETS);
    const afterMs = random.below(WITHIN_MS);
    await sleep(afterMs);
    const beganMs = performance.now();
    await untilReady(await kill(target));
    backMs.push(performance.now() - beganMs);
    killed[target] += 1;
    await load
      .paused(() => comparison.run())
      .catch((cause: unknown) => {
        const what = `seed ${SEED}, kill ${n} (${target}, after ${afterMs} ms): ${cause instanceof Error ? cause.message : cause}`;
        throw new Error(what, { cause });
      });
  }
  await load.stop();
  await untilReady();
  await comparison.run();
  const events = await comparison.events(receiver.received);
  await receiver.close();
  end.abort();
  const { counts } = await simulation.ended;
  expect(counts["poll: 204"]).toBeGreaterThan(0);
  const acked = { ...ledger.counts(), events };
  for (const n of Object.values(acked)) expect(n).toBeGreaterThan(0);
  await tell({ seed: SEED, kills: KILLS, killed, acked, failedStarts, backMs: backMs.toSorted((a, b) => a - b) });
}, 3_600_000);

async function registerReceiver({ url, token }: Place, receiver: string): Promise<void> {
  const events = ["deployment-created", "rollout-decided"];
  const answer = await fetch(`${url}/api/management/v1/iot-manager/integrations`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ provider: "webhook", credentials: { type: "http", http: { url: receiver } }, events }),
  });
  if (answer.status !== 201) throw new Error(`webhook: ${answer.status} ${await answer.text()}`);
}

async function tell(result: object): Promise<void> {
  const line = JSON.stringify(result);
  process.stdout.write(`${line}\n`);
  const path = process.env["SWITCHBACK_KILLS_RESULT"];
  if (path !== undefined) await appendFile(path, `${line}\n`);
}
