import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type BuiltProgram, type Ended, startProgram } from "../../support/built-program.ts";
import { MEMORY_FOLDER } from "../../support/test-board.ts";
import { type Call, parseStrace } from "./strace-log.ts";

/** A point in a program's run: when it enters the `nth` call of that name, counted from 1 within a thread. */
export interface Instant {
  readonly call: string;
  readonly nth: number;
}

export interface WatchOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Kills the program there. */
  readonly at?: Instant;
  /** Kills it when this aborts. */
  readonly power?: AbortSignal;
  /** Writes bytes to its standard input and ends that input. */
  readonly feed?: (stdin: NodeJS.WritableStream) => Promise<void>;
}

export interface Watched extends Ended {
  readonly killed: boolean;
  /** Calls that change files, up to the end or the kill. */
  readonly calls: readonly Call[];
}

const RENAMES = "?rename,?renameat,?renameat2";
/** More than any state that the agent saves. For the blocks of a slot, the beginning is enough. */
const TEXT_BYTES = 16 * 1024;
/** Variable in the environment of the program and of all its descendants, in any process group. */
const MARK = "SWITCHBACK_TEST_POWER";

/**
 * Runs the built program under a supervisor that sees its system calls through strace, without help from the program,
 * and that can cut the power: SIGKILL to the program and to all that it has started. `losePower` does what else a real
 * power cut does to the disk.
 *
 * With `power`, the program runs as on a device. Without it, a single thread for files makes the order of the calls the
 * same in each run, so that an instant can be named.
 */
export async function watchedRun(
  program: BuiltProgram,
  argv: readonly string[],
  { env, at, power, feed }: WatchOptions,
): Promise<Watched> {
  const folder = await mkdtemp(join(MEMORY_FOLDER, "switchback-strace-"));
  const log = join(folder, "log");
  const mark = `${MARK}=${folder}`;
  const threads = power === undefined ? { UV_THREADPOOL_SIZE: "1" } : {};
  const inject = at === undefined ? [] : ["-e", `inject=${at.call}:signal=SIGKILL:when=${at.nth}`];
  const strace = ["-f", "-b", "execve", "-y", "-s", String(TEXT_BYTES), "-o", log];
  const watch = ["-e", `trace=pwrite64,write,fsync,fdatasync,${RENAMES}`, ...inject, "--"];
  try {
    // What runs already is none of the program's descendants: its environment need not be read at each cut.
    const others = new Set(processes());
    const { child, ended } = startProgram("strace", [...strace, ...watch, process.execPath, program.path, ...argv], {
      ...env,
      ...threads,
      [MARK]: folder,
    });
    // Strace itself must not be killed: it completes its log and ends with the program.
    others.add(String(child.pid));
    // A dying program may exit by itself first, because a helper is gone. The power was cut all the same.
    let killed = 0;
    const over = new AbortController();
    child.once("exit", () => over.abort());
    const supervise = async (): Promise<void> => {
      await abortOf(power === undefined ? over.signal : AbortSignal.any([power, over.signal]));
      while (!over.signal.aborted) {
        killed += killMarked(mark, others);
        await setTimeout(2);
      }
      while (killMarked(mark, others) > 0) await setTimeout(1);
    };
    if (feed === undefined) child.stdin?.end();
    else if (child.stdin !== null) void feed(child.stdin);
    await supervise();
    const end = await ended;
    return { ...end, killed: end.signal === "SIGKILL" || killed > 0, calls: parseStrace(await readFile(log, "utf8")) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const abortOf = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

const processes = (): readonly string[] => readdirSync("/proc").filter((name) => /^\d+$/.test(name));

/** @returns how many processes had the mark */
function killMarked(mark: string, except: ReadonlySet<string>): number {
  const found = processes().filter((name) => !except.has(name) && bears(name, mark));
  for (const pid of found) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // ignored: it has ended by itself meanwhile.
    }
  }
  return found.length;
}

function bears(pid: string, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(mark);
  } catch {
    // ignored: the process has ended, or is not ours.
    return false;
  }
}
