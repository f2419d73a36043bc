import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";

/** How often a child reports that it is alive. */
const BEAT_MS = 500;
/** Time for a stopped child to end cleanly. */
const GRACE_MS = 5_000;

/** How a child ended. `isStuck`: it was killed because it was silent for too long. */
interface WatchedEnd<Message> {
  readonly exitCode: number;
  readonly isStuck: boolean;
  /** Its last message other than a sign of life. */
  readonly last: Message | undefined;
}

/**
 * Runs a Node program that calls `beat`, with this process's standard streams, and kills it when it is stuck in a loop:
 * signals and time limits cannot interrupt JavaScript that never yields. Always removes its temporary files. ADR 16
 * says why this, the worker and the programs of others each have their own supervisor.
 *
 * @param signal stops it like SIGTERM, or like SIGINT if that was the reason
 * @throws {AgentError} WORKER_LOST if it cannot be started; the signal's reason if it had to be killed after that
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
      // Forward the same signal, because the child reports its name.
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
      // It was killed, or the signal ended it before it installed a handler, so it has not reported the signal.
      if (signal.aborted && exitCode === null) reject(signal.reason);
      else resolve({ exitCode: exitCode ?? 1, isStuck, last });
    });
  });
}

const ALIVE = "alive";

/** In the child: sends regular signs of life from now on. @returns a function that sends messages to the parent */
export function beat<Message>(): { readonly tell: (message: Message) => void } {
  const timer = setInterval(() => process.send?.(ALIVE), BEAT_MS);
  timer.unref();
  return { tell: (message) => void process.send?.(message) };
}
