import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { AgentError } from "../../src/errors/agent-error.ts";

/** The descriptor of the channel, in the worker. */
export const CHANNEL_FD = 3;

/**
 * Hands one order to a new process, and waits for its end. What it prints appears as if this process did.
 *
 * @param argv program and its arguments
 * @param order one line, for nobody else to see
 * @param signal stops it as SIGTERM does; it is given the time that it takes
 * @returns what it has answered
 * @throws {AgentError} WORKER_LOST when it has ended without an answer; the signal's reason when that has aborted
 */
export function runWorker(argv: readonly string[], order: string, signal: AbortSignal): Promise<string> {
  const [program = "", ...args] = argv;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let child: ChildProcess;
    try {
      child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit", "pipe"] });
    } catch (cause) {
      // Some failures of a start are thrown, and others are events.
      return reject(new AgentError("WORKER_LOST", { program }, cause));
    }
    const channel = child.stdio[CHANNEL_FD];
    const stop = (): void => void child.kill("SIGTERM");
    const answer: Buffer[] = [];
    signal.addEventListener("abort", stop);
    if (channel instanceof Socket) {
      channel.on("error", () => {
        // ignored: it has ended, and how is known soon.
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
