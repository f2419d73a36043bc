import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { CliIo } from "../../../src/agent/io.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { composeVirtual } from "./agent.ts";
import { letTimePass } from "./let-time-pass.ts";
import { Network } from "./network.ts";

/** The memory of a process that has nothing to do. */
export interface Holdings {
  readonly polls: number;
  readonly hours: number;
  /** Bytes of the heap, and of buffers outside of it, after garbage collections. */
  readonly memoryBytes: number;
  readonly residentBytes: number;
  readonly descriptors: number;
  readonly timers: number;
  readonly children: number;
  /** Relative to the board's folder. */
  readonly files: readonly string[];
}

/**
 * Polls in virtual time as a daemon does, as often as is asked, and says on stdout what the process holds after the
 * polls of the given numbers. A process of its own, because whoever measures is not to be measured.
 */
const [dir = "", server = "", ...numbers] = process.argv.slice(2);
const wanted = new Set(numbers.map(Number));
const clock = createVirtualClock();
const network = new Network();
const stop = new AbortController();
let polls = 0;

const io: CliIo = {
  out: () => undefined,
  outPart: () => undefined,
  err: (line) => void (line.startsWith("error: ") && process.stderr.write(`${line}\n`)),
  errRaw: () => undefined,
  stderrIsTerminal: false,
  env: {},
  commandLine: [],
  signal: stop.signal,
  exitCode: 0,
};

async function measure(): Promise<Holdings> {
  // The minimum of several measurements: two collections in a row differ by 2.5 %.
  let memoryBytes = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 8; round++) {
    globalThis.gc?.();
    await setImmediate();
    const { heapUsed, external } = process.memoryUsage();
    memoryBytes = Math.min(memoryBytes, heapUsed + external);
  }
  return {
    polls,
    hours: clock.monotonicMs() / 3_600_000,
    memoryBytes,
    residentBytes: process.memoryUsage.rss(),
    descriptors: readdirSync("/proc/self/fd").length,
    timers: clock.waiting + process.getActiveResourcesInfo().filter((each) => each === "Timeout").length,
    children: readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").split(" ").length - 1,
    files: readdirSync(dir, { recursive: true }).map(String).sort(),
  };
}

const poller = await composeVirtual(
  {
    board: { path: (name) => join(dir, name) },
    clock,
    server,
    io,
    network: (transport) =>
      network.wrap({
        ...transport,
        send(request, signal) {
          if (request.url.endsWith("/next")) polls++;
          return transport.send(request, signal);
        },
      }),
  },
  {
    alone: (work) => work(),
    leavesReboot: true,
    leave: () => stop.abort(new Error("a reboot ends the day")),
  },
);
const day = poller.run(stop.signal).catch((reason: unknown) => {
  if (reason !== "done") throw reason;
});
await letTimePass(day, clock, network, async () => {
  if (!wanted.delete(polls)) return;
  process.stdout.write(`${JSON.stringify(await measure())}\n`);
  if (wanted.size === 0) stop.abort("done");
});
