import { AgentError } from "../../src/errors/agent-error.ts";
import type { Process } from "../../src/ports/process.ts";
import type { SlotDriver } from "../../src/ports/slot-driver.ts";
import { type Ask, answerOf, expectSuccess } from "./program-answers.ts";
import { outputOf } from "./program-output.ts";

/** The program runs as long as the download of the image, which takes hours on a slow link. */
const ONE_DAY_MS = 24 * 60 * 60 * 1000;
const MAX_ERROR_BYTES = 4 * 1024;

/** Drives the slots through a program that speaks the adapter protocol. @see docs/reference/adapter-protocol.md */
export function createProgramDriver(program: string, process: Process, ask: Ask): SlotDriver {
  return {
    async size(slot, signal) {
      const answer = await ask(["size", slot], signal);
      const bytes = answerOf(answer, "bytes");
      if (/^[0-9]{1,15}$/.test(bytes)) return Number(bytes);
      throw new AgentError("ADAPTER_ANSWER", { request: answer.request, bytes });
    },
    async write(slot, bytes, image, signal) {
      await ask(["write", slot, String(bytes)], signal, { stdin: image, timeoutMs: ONE_DAY_MS });
    },
    read(slot, bytes, signal) {
      const argv = [program, "read", slot, String(bytes)] as const;
      return outputOf(async (onOutput, stop) => {
        const limits = { timeoutMs: ONE_DAY_MS, maxOutputBytes: MAX_ERROR_BYTES, onOutput };
        const { exitCode, stderr } = await process.run([...argv], limits, stop);
        expectSuccess(exitCode, stderr, { program, request: argv.slice(1).join(" ") });
      }, signal);
    },
  };
}
