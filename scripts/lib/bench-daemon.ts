import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { benchImage } from "./bench-images.ts";
import { timeOf } from "./bench-startup.ts";
import { ClientBoard } from "./client-board.ts";
import { DeviceServer } from "./device-server.ts";
import { median, spread, table } from "./statistics.ts";

const POLL_SECONDS = 5;
/** Time until keys exist, code is compiled and the inventory is sent. */
const SETTLE_MS = 20_000;
const WATCH_MS = 60_000;
const IMAGE_MIB = 64;
const RUNS_PER_ROUND = 5;

const DAEMONS = {
  "mender 3.4": ["mender", "-c", "/etc/mender/mender.conf", "-d", "/data", "--no-syslog", "daemon"],
  switchback: ["node", "/project/dist/switchback.mjs", "-d", "/data", "daemon"],
} as const;

const FIGURES = [
  ["rssMib", 1],
  ["anonymousMib", 1],
  ["cpuMsPerPoll", 2],
] as const;
type Figure = (typeof FIGURES)[number][0];

interface Watched {
  readonly name: string;
  readonly rssMib: number;
  readonly anonymousMib: number;
  readonly cpuMsPerPoll: number;
}

/**
 * Runs both daemons `rounds` times, each on its own board with its own server, all at the same time: they are nearly
 * idle, and the memory of the real client varies between runs. Then measures `poll` with nothing to do.
 */
export async function benchDaemon(rounds: number): Promise<string> {
  const artifact = benchImage(IMAGE_MIB).artifact("none");
  const devices: Device[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [name, argv] of Object.entries(DAEMONS)) devices.push(await startDevice(name, argv, artifact));
    }
    await sleep(SETTLE_MS);
    const idle = await watchAll(devices);
    await Promise.all(devices.map(({ server }) => server.offer()));
    await sleep(SETTLE_MS);
    const after = await watchAll(devices);
    const rows = [...rowsOf("idle", idle), ...rowsOf(`after a download of ${IMAGE_MIB} MiB`, after)];
    const head = ["case", "RSS MiB", "anonymous MiB", "CPU ms/poll", "RSS ratio", "anonymous ratio", "CPU ratio"];
    return `${table(head, rows)}\n\n${benchPoll(rounds)}`;
  } finally {
    for (const { child, board, server } of devices) {
      const ended = child.exitCode ?? new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
      board.close();
      await server.close();
    }
  }
}

interface Device {
  readonly name: string;
  readonly server: DeviceServer;
  readonly board: ClientBoard;
  readonly child: ChildProcess;
}

async function startDevice(name: string, argv: readonly string[], artifact: string): Promise<Device> {
  const server = await DeviceServer.start(artifact);
  const board = new ClientBoard(IMAGE_MIB);
  board.configure({
    ServerURL: server.url,
    UpdatePollIntervalSeconds: POLL_SECONDS,
    InventoryPollIntervalSeconds: 28_800,
    RetryPollIntervalSeconds: POLL_SECONDS,
  });
  return { name, server, board, child: board.start("A", argv) };
}

async function watchAll(devices: readonly Device[]): Promise<readonly Watched[]> {
  return await Promise.all(
    devices.map(async ({ name, server, child }) => {
      const pid = child.pid ?? 0;
      const [cpuMs, polls] = [cpuMsOf(pid), server.polls];
      await sleep(WATCH_MS);
      const asked = server.polls - polls;
      if (asked < WATCH_MS / 1000 / POLL_SECONDS / 2) throw new Error(`${name} asked ${asked} times only`);
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      return {
        name,
        rssMib: mibOf(status, "VmRSS"),
        anonymousMib: mibOf(status, "RssAnon"),
        cpuMsPerPoll: (cpuMsOf(pid) - cpuMs) / asked,
      };
    }),
  );
}

const mibOf = (status: string, key: string): number =>
  Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;

/** CPU time of all current threads, which the scheduler counts in nanoseconds. */
function cpuMsOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((tid) => Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, "utf8").split(" ")[0]));
  return ns.reduce((sum, each) => sum + each, 0) / 1e6;
}

/** Medians, with the lowest and the highest value. A ratio compares two devices of the same round. */
function rowsOf(when: string, watched: readonly Watched[]): string[][] {
  const [peer = ""] = Object.keys(DAEMONS);
  const of = (name: string, key: Figure): number[] => watched.filter((one) => one.name === name).map((one) => one[key]);
  const ratio = (name: string, key: Figure): string => {
    const peers = of(peer, key);
    return median(of(name, key).map((value, round) => value / (peers[round] ?? value))).toFixed(2);
  };
  return Object.keys(DAEMONS).map((name) => [
    `${when}: ${name}`,
    ...FIGURES.map(([key, decimals]) => spread(of(name, key), decimals)),
    ...FIGURES.map(([key]) => ratio(name, key)),
  ]);
}

/** Compares `poll` when nothing is due with a Node that does nothing. */
function benchPoll(rounds: number): string {
  const datastore = mkdtempSync(join(tmpdir(), "switchback-bench-"));
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const later = 1e12;
    const due = { boot, deploymentsAtMs: later, inventoryAtMs: later, deploymentFailures: 0, inventoryFailures: 0 };
    mkdirSync(datastore, { recursive: true });
    writeFileSync(join(datastore, "switchback-server"), JSON.stringify({ version: 1, due }));
    const bare: number[] = [];
    const poll: number[] = [];
    for (let run = 0; run < rounds * RUNS_PER_ROUND; run++) {
      bare.push(timeOf(["-e", "0"]));
      poll.push(timeOf(["dist/switchback.mjs", "-d", datastore, "poll"]));
    }
    const ratio = median(poll.map((wall, at) => wall / (bare[at] ?? wall))).toFixed(2);
    return table(
      ["command", "wall ms", "ratio"],
      [
        ["node -e 0", spread(bare, 0), "1.00"],
        ["poll, nothing due", spread(poll, 0), ratio],
      ],
    );
  } finally {
    rmSync(datastore, { recursive: true, force: true });
  }
}
