import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";

/** How often a child says that it is not stuck. */
const BEAT_MS = 500;
/** For a child to end by itself when it is stopped. */
const GRACE_MS = 5_000;

/** How a child has ended. `isStuck`: it was killed, because it had said nothing for too long. */
interface WatchedEnd<Message> {
  readonly exitCode: number;
  readonly isStuck: boolean;
  /** What it said last, besides that it is not stuck. */
  readonly last: Message | undefined;
}

/**
 * Runs a program of Node's that `beat`s, with this process's standard streams, and kills it when it is stuck in a loop: no
 * signal and no time limit reaches JavaScript that never waits. Its temporary files are removed in any case.
 *
 * @param signal stops it as SIGTERM does, or SIGINT where that was the reason
 * @throws {AgentError} WORKER_LOST when it cannot be started; the signal's reason when it had to be killed after that
 */
export async function runWatched<Message>(
  argv: readonly string[],
  silentMs: number,
  signal: AbortSignal,
): Promise<WatchedEnd<Message>> {
  const temporary = await mkdtemp(join(tmpdir(), "switchback-watched-"));
  try {
    return await watch<Message>(argv, temporary, silentMs, signal);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function watch<Message>(
  [program = "", ...args]: readonly string[],
  temporary: string,
  silentMs: number,
  signal: AbortSignal,
): Promise<WatchedEnd<Message>> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const env = { ...process.env, TMPDIR: temporary };
    const child = spawn(program, args, { stdio: ["inherit", "inherit", "inherit", "ipc"], env });
    let last: Message | undefined;
    let isStuck = false;
    const kill = (): void => {
      isStuck = true;
      child.kill("SIGKILL");
    };
    let silence = setTimeout(kill, silentMs);
    const stop = (): void => {
      // The same one, which the child names.
      const { reason } = signal;
      child.kill(reason instanceof AgentError && reason.detail["signal"] === "SIGINT" ? "SIGINT" : "SIGTERM");
      clearTimeout(silence);
      silence = setTimeout(kill, GRACE_MS);
    };
    const leave = (): void => {
      clearTimeout(silence);
      signal.removeEventListener("abort", stop);
    };
    signal.addEventListener("abort", stop);
    child.on("message", (message: Message | typeof ALIVE) => {
      if (message !== ALIVE) last = message as Message;
      if (!signal.aborted) silence.refresh();
    });
    child.once("error", (cause) => {
      leave();
      reject(new AgentError("WORKER_LOST", { program }, cause));
    });
    child.once("close", (exitCode) => {
      leave();
      // Killed, or ended by the signal before it could handle one: it has said nothing of that itself.
      if (signal.aborted && exitCode === null) reject(signal.reason);
      else resolve({ exitCode: exitCode ?? 1, isStuck, last });
    });
  });
}

const ALIVE = "alive";

/** In the child: tells that this process is not stuck, from now on, and what `tell` is given. */
export function beat<Message>(): { readonly tell: (message: Message) => void } {
  const timer = setInterval(() => process.send?.(ALIVE), BEAT_MS);
  timer.unref();
  return { tell: (message) => void process.send?.(message) };
}
