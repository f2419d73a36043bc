import { createInterface } from "node:readline/promises";
import { PassThrough } from "node:stream";

/** Asks a person at the terminal; the question goes to stderr, so that stdout holds results only. */
export async function askOnTerminal(question: string, isSecret: boolean, signal: AbortSignal): Promise<string> {
  // The terminal itself does not echo while lines are edited here; what is typed goes to nobody.
  const output = isSecret ? new PassThrough().resume() : process.stderr;
  const terminal = createInterface({ input: process.stdin, output, ...(isSecret && { terminal: true }) });
  if (isSecret) process.stderr.write(question);
  try {
    return await terminal.question(question, { signal });
  } finally {
    terminal.close();
    if (isSecret) process.stderr.write("\n");
  }
}
