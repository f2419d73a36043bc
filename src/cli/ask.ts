import { createInterface } from "node:readline/promises";

/** Asks a person at the terminal; the question goes to stderr, so that stdout holds results only. */
export async function askOnTerminal(question: string, signal: AbortSignal): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question, { signal });
  } finally {
    terminal.close();
  }
}
