import { readdirSync, readFileSync, rmSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { AgentError, printable } from "../../src/errors/agent-error.ts";
import { type LeftFile, type ProcessFacts, processFacts, readText } from "./program-record.ts";

export interface EndingLimits {
  /** Time for a program to end without a signal: a boot loader's tool may be in the middle of its write. */
  readonly patienceMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** Time for the kernel to end processes after SIGKILL. */
  readonly killMs: number;
}

interface LeftRecord {
  /**
   * The remaining processes of the program: the live processes of its session, and of the sessions that its children
   * created. The only ones missing are children that left the session and also dropped the mark from their environment.
   */
  remaining(): readonly ProcessFacts[];
  remove(): void;
}

const LIMITS: EndingLimits = { patienceMs: 1_000, graceMs: 10_000, killMs: 10_000 };
const PAUSE_MS = 20;

/**
 * Ends the programs of an earlier agent, which was killed before it could end them. The caller must hold the lock:
 * without this, those programs would work on the device beside the caller.
 *
 * @param tell receives a line for each program that did not end without a signal
 * @throws {AgentError} AGENT_BUSY if one of them cannot be ended
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
    const first = programOf(record.remaining());
    if (first !== undefined) tell(`Ending a program that an earlier run left running: ${nameOf(first)}`);
    signalAll(record.remaining(), "SIGTERM");
    if (!(await isGone(record, limits.graceMs))) {
      signalAll(record.remaining(), "SIGKILL");
      if (!(await isGone(record, limits.killMs))) {
        const [left] = record.remaining();
        throw new AgentError("AGENT_BUSY", {
          reason: "a program of an earlier run cannot be killed",
          pid: left?.pid ?? 0,
        });
      }
    }
  }
  record.remove();
}

/** The process that the agent started, of all that run for it. The list has them in the order of text: 10015 before 9998. */
export function programOf(processes: readonly ProcessFacts[]): ProcessFacts | undefined {
  const leaders = processes.filter(({ pid, session }) => pid === session);
  const [eldest] = (leaders.length > 0 ? leaders : processes).toSorted(
    (a, b) => Number(a.startTicks) - Number(b.startTicks),
  );
  return eldest;
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
      // ignored: the process has ended meanwhile; the wait detects a process that cannot be ended.
    }
  }
}

function nameOf({ pid }: ProcessFacts): string {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
    return `${printable(line.slice(0, 200))} (pid ${pid})`;
  } catch {
    // ignored: the process has ended meanwhile.
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
      // Another program may use the session's number by now, so one process of the session must be recognized. A child
      // that has called setsid has a new session, but carries the mark.
      const ours = all.filter((each) => known.has(idOf(each)) || hasMark(each.pid, mark));
      const sessions = new Set(ours.map(({ session }) => session));
      const members = all.filter(({ session }) => sessions.has(session));
      // That program may have started this process, and then it must continue.
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
