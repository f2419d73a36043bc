import { AgentError } from "../../src/errors/agent-error.ts";
import type { Bootloader, SlotId } from "../../src/ports/bootloader.ts";
import type { Finding } from "../../src/ports/finding.ts";
import { failedWith, UNSUPPORTED } from "./foreign-failure.ts";
import { type Ask, answerOf, flagOf } from "./program-answers.ts";

/**
 * Drives the boot loader through a program that speaks the adapter protocol.
 *
 * @see docs/reference/adapter-protocol.md
 */
export function createProgramBootloader(kind: string, ask: Ask): Bootloader {
  const change = async (request: readonly [string, ...string[]], signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    // Never cancel a running change: a program that is killed while it writes may leave half of the change.
    await ask(request, new AbortController().signal);
  };
  const askOptional = async (request: readonly [string], signal: AbortSignal) => {
    try {
      return await ask(request, signal);
    } catch (error) {
      if (failedWith(error, UNSUPPORTED)) return undefined;
      throw error;
    }
  };
  return {
    kind,
    async booted(signal) {
      const answer = await ask(["booted"], signal);
      return slotIn(answer);
    },
    async plan(signal) {
      const answer = await ask(["plan"], signal);
      return { slot: slotIn(answer), trial: flagOf(answer, "trial") };
    },
    arm: (slot, signal) => change(["arm", slot], signal),
    confirm: (signal) => change(["confirm"], signal),
    revert: (slot, signal) => change(["revert", slot], signal),
    async rebootArgument(signal) {
      const answer = await askOptional(["reboot-argument"], signal);
      if (answer === undefined || answer.all("argument").length === 0) return undefined;
      return answerOf(answer, "argument");
    },
    async expectWritable(signal) {
      await askOptional(["writable"], signal);
    },
    async diagnose(signal) {
      return (await askOptional(["diagnose"], signal))?.all("finding").map(findingIn) ?? [];
    },
  };
}

function slotIn(answer: Awaited<ReturnType<Ask>>): SlotId {
  const slot = answerOf(answer, "slot");
  if (slot !== "A" && slot !== "B") throw new AgentError("ADAPTER_ANSWER", { request: answer.request, slot });
  return slot;
}

/** Parses `good|note|bad SUBJECT: FOUND`, optionally followed by ` -- ADVICE`. */
function findingIn(text: string): Finding {
  const [, level, subject = "", rest = ""] = /^(good|note|bad) ([^:]+): (.+)$/.exec(text) ?? [];
  if (level === undefined) throw new AgentError("ADAPTER_ANSWER", { request: "diagnose", finding: text });
  const [found = "", advice] = rest.split(" -- ");
  return { level: level as Finding["level"], subject, found, ...(advice !== undefined && { advice }) };
}
