import type { BoardStart, BoardStatus, PowerOnOutcome, SlotContent } from "../../agent/device/board.ts";
import type { SlotId } from "../../ports/bootloader.ts";

type Slots = Readonly<Record<SlotId, SlotContent>>;

/** Lists what the firmware did; the last line is the outcome. */
export function describeStart({ log, outcome, slots }: BoardStart): readonly string[] {
  return [...log, describeOutcome(outcome, slots)];
}

export function describeStatus({ running, slots, trial, next }: BoardStatus): readonly string[] {
  return [
    `Slot A: ${describeSlot(slots.A)}`,
    `Slot B: ${describeSlot(slots.B)}`,
    running === undefined ? "Nothing runs." : `Running: slot ${running}, ${versionOf(slots[running])}.`,
    ...(next === undefined
      ? ["At the next power-on the board's own firmware decides."]
      : [
          trial ? "An update is on trial: without a commit the boot loader goes back." : "No update is on trial.",
          `At the next power-on: ${describeOutcome(next, slots)}`,
        ]),
  ];
}

export function startAsJson({ log, outcome, slots }: BoardStart): Record<string, unknown> {
  return { ...outcomeAsJson(outcome, slots), log };
}

export function statusAsJson({ running, slots, trial, next }: BoardStatus): Record<string, unknown> {
  return {
    running: running ?? null,
    trial: trial ?? null,
    next: next === undefined ? null : outcomeAsJson(next, slots),
    slots: { A: slotAsJson(slots.A), B: slotAsJson(slots.B) },
  };
}

function describeOutcome(outcome: PowerOnOutcome, slots: Slots): string {
  switch (outcome.kind) {
    case "up":
      return `Slot ${outcome.slot} is up, ${versionOf(slots[outcome.slot])}.`;
    case "hangs":
      return `The board hangs in slot ${outcome.slot}, ${versionOf(slots[outcome.slot])}. Restart it with 'switchback board boot'.`;
    case "prompt":
      return "Nothing boots: the boot loader waits at its prompt.";
    case "resets":
      return "Nothing boots: the board resets again and again.";
    case "none":
      return "Nothing runs: the firmware has brought up no system.";
  }
}

function describeSlot(content: SlotContent): string {
  switch (content.kind) {
    case "complete":
      return `${content.version}, complete${content.boots === "yes" ? "" : ` (its system ${content.boots} when started)`}`;
    case "torn":
      return `${content.version}, incomplete: it does not boot`;
    case "nothing":
      return "no system";
  }
}

const versionOf = (content: SlotContent): string => (content.kind === "nothing" ? "no system" : content.version);

function outcomeAsJson(outcome: PowerOnOutcome, slots: Slots): Record<string, unknown> {
  if (!("slot" in outcome)) return { outcome: outcome.kind };
  const { kind, slot } = outcome;
  return { outcome: kind, slot, version: versionOf(slots[slot]) };
}

function slotAsJson(content: SlotContent): Record<string, unknown> {
  const { kind, ...facts } = content;
  return { state: kind, ...facts };
}
