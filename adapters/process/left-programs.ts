import { readdirSync, readFileSync, rmSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { AgentError, printable } from "../../src/errors/agent-error.ts";
import { type LeftFile, type ProcessFacts, processFacts, readText } from "./program-record.ts";

export interface EndingLimits {
  /** For a program to end by itself: a boot loader's tool may be in the middle of its write. */
  readonly patienceMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** For the kernel to end what has got SIGKILL. */
  readonly killMs: number;
}

interface LeftRecord {
  /**
   * What is left of the program: the live processes of its session, and of the sessions that its children have made.
   * Only a child that has left the session and lost the mark from its environment is not found.
   */
  remaining(): readonly ProcessFacts[];
  remove(): void;
}

const LIMITS: EndingLimits = { patienceMs: 1_000, graceMs: 10_000, killMs: 10_000 };
const PAUSE_MS = 20;

/**
 * Ends the programs that an agent had started and could not end, because it was killed. Only an agent that holds the
 * lock may call this: what is ended here would otherwise work on the device beside it.
 *
 * @param tell gets a line for each program that did not end by itself
 * @throws {AgentError} AGENT_BUSY when one of them cannot be ended
 */
export async function endLeftPrograms(
  records: readonly LeftFile[],
  tell: (line: string) => void,
  limits = LIMITS,
): Promise<void> {
  await Promise.all(records.map((record) => end(leftRecord(record), tell, limits)));
}

async function end(record: LeftRecord, tell: (line: string) => void, limits: EndingLimits): Promise<void> {
  if (!(await isGone(record, limits.patienceMs))) {
    const [first] = record.remaining();
    if (first !== undefined) tell(`Ending a program that an earlier run left running: ${nameOf(first)}`);
    signalAll(record.remaining(), "SIGTERM");
    if (!(await isGone(record, limits.graceMs))) {
      signalAll(record.remaining(), "SIGKILL");
      if (!(await isGone(record, limits.killMs))) {
        const [left] = record.remaining();
        throw new AgentError("AGENT_BUSY", { reason: "a program of an earlier run does not end", pid: left?.pid ?? 0 });
      }
    }
  }
  record.remove();
}

async function isGone(record: LeftRecord, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    if (record.remaining().length === 0) return true;
    if (performance.now() >= deadline) return false;
    await setTimeout(PAUSE_MS);
  }
}

function signalAll(processes: readonly ProcessFacts[], name: NodeJS.Signals): void {
  for (const group of new Set(processes.map((each) => each.group))) {
    try {
      process.kill(-group, name);
    } catch {
      // ignored: it has ended meanwhile; what cannot be ended is noticed by the wait.
    }
  }
}

function nameOf({ pid }: ProcessFacts): string {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
    return `${printable(line.slice(0, 200))} (pid ${pid})`;
  } catch {
    // ignored: it has ended meanwhile.
    return `pid ${pid}`;
  }
}

function leftRecord({ path, mark }: LeftFile): LeftRecord {
  const [, leader, startTicks] = /^(\d+) (\d+)\n$/.exec(readText(path)) ?? [];
  const known = new Set<string>();
  const idOf = ({ pid, startTicks: start }: ProcessFacts): string => `${pid} ${start}`;
  if (leader !== undefined) known.add(`${leader} ${startTicks}`);
  return {
    remaining() {
      const all = allProcesses();
      // A session's number may belong to somebody else by now, so one of its processes has to be recognized. A child
      // that has called setsid has a session of its own, and the mark.
      const ours = all.filter((each) => known.has(idOf(each)) || hasMark(each.pid, mark));
      const sessions = new Set(ours.map(({ session }) => session));
      const members = all.filter(({ session }) => sessions.has(session));
      // This process may have been started by the program itself, which then goes on.
      if (members.some(({ pid }) => pid === process.pid)) return [];
      for (const each of members) known.add(idOf(each));
      return members;
    },
    remove: () => rmSync(path, { force: true }),
  };
}

const allProcesses = (): readonly ProcessFacts[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => processFacts(Number(name)))
    .filter((found) => found !== undefined);

const hasMark = (pid: number, mark: string): boolean => `\0${readText(`/proc/${pid}/environ`)}`.includes(`\0${mark}\0`);
