import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { AgentError } from "../../src/errors/agent-error.ts";

/** The descriptor of the channel in the worker. */
export const CHANNEL_FD = 3;

/**
 * Passes one order to a new process and waits for its end. The process prints to this process's standard streams. See
 * ADR 16.
 *
 * @param argv program and its arguments
 * @param order one line, which other processes cannot see
 * @param signal stops the worker with SIGTERM and waits as long as the worker needs
 * @returns the worker's answer
 * @throws {AgentError} WORKER_LOST if the worker ended without an answer; the signal's reason if the signal aborted
 */
export function runWorker(argv: readonly string[], order: string, signal: AbortSignal): Promise<string> {
  const [program = "", ...args] = argv;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let child: ChildProcess;
    try {
      child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit", "pipe"] });
    } catch (cause) {
      // `spawn` reports some failures by throwing and others by an event.
      return reject(new AgentError("WORKER_LOST", { program }, cause));
    }
    const channel = child.stdio[CHANNEL_FD];
    const stop = (): void => void child.kill("SIGTERM");
    const answer: Buffer[] = [];
    signal.addEventListener("abort", stop);
    if (channel instanceof Socket) {
      channel.on("error", () => {
        // ignored: the worker has ended, and the `close` event reports how.
      });
      channel.on("data", (chunk) => answer.push(chunk));
      channel.write(`${order}\n`);
    }
    child.once("error", (cause) => {
      signal.removeEventListener("abort", stop);
      reject(new AgentError("WORKER_LOST", { program }, cause));
    });
    child.once("close", (status, signalName) => {
      signal.removeEventListener("abort", stop);
      if (signal.aborted) reject(signal.reason);
      else if (answer.length > 0) resolve(Buffer.concat(answer).toString("utf8"));
      else reject(new AgentError("WORKER_LOST", { ended: signalName ?? status ?? "unknown" }));
    });
  });
}
