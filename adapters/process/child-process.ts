import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Process, ProcessLimits, ProcessResult } from "../../src/ports/process.ts";
import { errnoOf } from "../../src/util/errno.ts";
import { startAgain } from "../../src/util/start-again.ts";
import { createLineSplitter } from "./line-splitter.ts";
import { recordProgram } from "./program-record.ts";

export interface ChildProcessOptions {
  /** Environment of the programs; default: the agent's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Time between SIGTERM and SIGKILL. */
  readonly graceMs?: number;
}

const GRACE_MS = 2_000;
/** How long to wait for more output after the program has ended, if a grandchild keeps the pipes open. */
const DRAIN_MS = 100;

/**
 * Runs programs as child processes, each in its own process group. Kills the rest of the group when the time limit or
 * the signal stops the program, and when the program ends, unless `leavesOthers` is set. If the agent is killed
 * meanwhile, its successor finds the program through its record. See ADR 16.
 *
 * @throws {AgentError} PROCESS_MISSING, PROCESS_START, PROCESS_TIMEOUT, PROCESS_OUTPUT; the signal's reason when it
 * aborts
 */
export function createChildProcess({ env, graceMs = GRACE_MS }: ChildProcessOptions = {}): Process {
  return {
    async run(argv, limits, signal, stdin) {
      signal.throwIfAborted();
      const [program, ...args] = argv;
      const record = recordProgram();
      const start = (): ChildProcess => {
        const child = spawn(program, args, {
          detached: true,
          stdio: ["pipe", "pipe", "pipe"],
          ...(limits.cwd === undefined ? {} : { cwd: limits.cwd }),
          env: { ...(env ?? process.env), ...record?.mark },
        });
        if (child.pid !== undefined) record?.started(child.pid);
        return child;
      };
      const to = { program, limits, graceMs: limits.graceMs ?? graceMs, signal, stdin: stdin ?? "" };
      try {
        return await startAgain(async () => await supervise(start, to), signal);
      } finally {
        record?.ended();
      }
    },
  };
}

interface Supervision {
  readonly program: string;
  readonly limits: ProcessLimits;
  readonly graceMs: number;
  readonly signal: AbortSignal;
  readonly stdin: string | AsyncIterable<Uint8Array>;
}

function supervise(start: () => ChildProcess, to: Supervision): Promise<ProcessResult> {
  return new Promise((resolve, reject) => {
    let child: ChildProcess;
    try {
      child = start();
    } catch (cause) {
      // `spawn` reports some failures by throwing and others by an event.
      return reject(startError(to.program, cause));
    }
    const stdout = collect(child.stdout, "stdout", to.limits, () => {
      if (to.limits.endsWithOutput !== true || floods) return;
      floods = true;
      stop();
    });
    const stderr = collect(child.stderr, "stderr", to.limits, () => undefined);
    let timedOut = false;
    let floods = false;
    let broken: { readonly cause: unknown } | undefined;
    let kill: NodeJS.Timeout | undefined;

    const stop = (): void => {
      signalGroup(child.pid, "SIGTERM");
      kill ??= setTimeout(() => signalGroup(child.pid, "SIGKILL"), to.graceMs);
    };
    const limit = setTimeout(() => {
      timedOut = true;
      stop();
    }, to.limits.timeoutMs);
    const release = (): void => {
      clearTimeout(limit);
      clearTimeout(kill);
      to.signal.removeEventListener("abort", stop);
    };
    const answer = (exitCode: number | null): void => {
      if (to.signal.aborted) reject(to.signal.reason);
      else if (timedOut) reject(timeout(to));
      else if (floods) reject(flood(to));
      else if (broken !== undefined) reject(broken.cause);
      else resolve({ exitCode: exitCode ?? undefined, stdout: stdout.text(), stderr: stderr.text() });
    };

    to.signal.addEventListener("abort", stop);
    child.once("error", (cause) => {
      release();
      reject(startError(to.program, cause));
    });
    child.once("exit", (exitCode) => {
      release();
      const stopped = timedOut || floods || to.signal.aborted || broken !== undefined;
      if (stopped || to.limits.leavesOthers !== true) signalGroup(child.pid, "SIGKILL");
      // A grandchild that left the group may hold the pipes open forever: use the output received so far.
      const drain = setInterval(() => {
        if (stdout.isAtWork()) return;
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, DRAIN_MS);
      child.once("close", () => {
        clearInterval(drain);
        answer(exitCode);
      });
    });
    child.stdin?.on("error", () => {
      // ignored: a program may leave input unread; its exit status decides.
    });
    // Start feeding only now: a repeated start needs the input from its first byte.
    child.once("spawn", () => {
      feed(child.stdin, to.stdin).catch((cause: unknown) => {
        broken = { cause };
        stop();
      });
    });
  });
}

/** Resolves at the end of the input, or when the program stops reading it. @throws the error of `chunks` */
async function feed(stdin: Writable | null, chunks: string | AsyncIterable<Uint8Array>): Promise<void> {
  if (typeof chunks === "string") {
    stdin?.end(chunks);
    return;
  }
  for await (const chunk of chunks) {
    const taken = await new Promise<boolean>((resolve) => {
      const closed = (): void => resolve(false);
      if (stdin === null || stdin.destroyed) return resolve(false);
      stdin.once("close", closed);
      stdin.write(chunk, (error) => {
        stdin.off("close", closed);
        resolve(error === null || error === undefined);
      });
    });
    if (!taken) return;
  }
  stdin?.end();
}

interface Collected {
  text(): string;
  /** Whether the receiver is busy with output, or was until a moment ago. */
  isAtWork(): boolean;
}

function collect(
  stream: Readable | null,
  name: "stdout" | "stderr",
  limits: ProcessLimits,
  onExcess: () => void,
): Collected {
  if (name === "stdout" && limits.onOutput !== undefined) return hand(stream, (chunk) => limits.onOutput?.(chunk));
  const kept: Buffer[] = [];
  let room = limits.maxOutputBytes;
  const { onLine } = limits;
  const lines = onLine && createLineSplitter(limits.maxOutputBytes, (line) => onLine(name, line));
  stream?.on("close", () => lines?.end());
  stream?.on("data", (chunk: Buffer) => {
    lines?.push(chunk);
    // Copy the bytes: a slice would keep the whole chunk in memory.
    if (room > 0) kept.push(Buffer.from(chunk.subarray(0, room)));
    if (chunk.length > room) onExcess();
    room -= Math.min(room, chunk.length);
  });
  return { text: () => Buffer.concat(kept).toString("utf8"), isAtWork: () => false };
}

/** Passes output on chunk by chunk; the pipe fills up while the receiver is busy. */
function hand(stream: Readable | null, take: (chunk: Buffer) => Promise<void> | undefined): Collected {
  let waiting = 0;
  let takenMs = 0;
  stream?.on("data", async (chunk: Buffer) => {
    waiting += 1;
    stream.pause();
    await take(chunk);
    waiting -= 1;
    takenMs = performance.now();
    stream.resume();
  });
  return { text: () => "", isAtWork: () => waiting > 0 || performance.now() - takenMs < DRAIN_MS };
}

/** Signals the process group of `pid`; a group that is gone needs no signal. */
function signalGroup(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch {
    // ignored: ESRCH, the group has no process left.
  }
}

function startError(program: string, cause: unknown): AgentError {
  const missing = errnoOf(cause) === "ENOENT";
  return new AgentError(missing ? "PROCESS_MISSING" : "PROCESS_START", { program }, cause);
}

const timeout = ({ program, limits }: Supervision): AgentError =>
  new AgentError("PROCESS_TIMEOUT", { program, timeoutMs: limits.timeoutMs });

const flood = ({ program, limits }: Supervision): AgentError =>
  new AgentError("PROCESS_OUTPUT", { program, bytes: limits.maxOutputBytes });
