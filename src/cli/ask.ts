import { createInterface } from "node:readline/promises";
import { PassThrough } from "node:stream";
import { AgentError } from "../errors/agent-error.ts";

/**
 * Asks a person at the terminal. The question goes to stderr, so that stdout has only results.
 *
 * @throws {AgentError} CANCELLED on Ctrl-C, on Ctrl-D and when `signal` is aborted
 */
export async function askOnTerminal(question: string, isSecret: boolean, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  // If the terminal is gone, the question must end, but the process must not crash with a stack trace.
  process.stderr.on("error", ignore);
  // Readline switches the terminal's echo off, and its own echo goes to a stream that discards it.
  const output = isSecret ? new PassThrough().resume() : process.stderr;
  const terminal = createInterface({ input: process.stdin, output, ...(isSecret && { terminal: true }) });
  if (isSecret) process.stderr.write(question);
  const left = new Promise<never>((_, reject) => {
    const leave = (reason: unknown): void => reject(reason);
    terminal.once("SIGINT", () => leave(new AgentError("CANCELLED", { signal: "SIGINT" })));
    terminal.once("close", () => leave(new AgentError("CANCELLED", { reason: "the question was not answered" })));
    signal.addEventListener("abort", () => leave(signal.reason), { once: true });
  });
  // ignored: a terminal that closes after the answer is no failure.
  left.catch(ignore);
  try {
    return await Promise.race([terminal.question(question), left]);
  } finally {
    terminal.close();
    if (isSecret) process.stderr.write("\n");
  }
}

const ignore = (): void => undefined;
