import { once } from "node:events";
import type { CliIo } from "../../src/agent/io.ts";
import type { Outcome } from "../harness/outcome.ts";
import { outcomeLines } from "../harness/report-text.ts";
import type { Progress } from "../harness/run-scenarios.ts";

const CLEAR_LINE = "\r\x1b[K";

/** Shows on a terminal which scenario runs, and prints each outcome as soon as it is known. */
export function progressOn(io: CliIo, print: boolean): Progress {
  return {
    begins(name, promise) {
      if (io.stderrIsTerminal)
        io.errRaw(`${CLEAR_LINE}${`... ${name}: ${promise}`.slice(0, (io.stderrColumns ?? 80) - 1)}`);
    },
    ended(outcome: Outcome) {
      if (io.stderrIsTerminal) io.errRaw(CLEAR_LINE);
      if (print) for (const line of outcomeLines(outcome)) io.out(line);
    },
  };
}

/** Resolves when the user interrupts. */
export async function interrupted({ signal }: CliIo): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}
