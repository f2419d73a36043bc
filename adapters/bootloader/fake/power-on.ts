import { otherSlot, type SlotId } from "../../../src/ports/bootloader.ts";
import { type SlotPartitions, slotOfNumber } from "../../linux/partition-number.ts";

/**
 * The fate of a slot's kernel when the firmware starts it: it comes up; it hangs; it panics, which resets the board; or
 * it cannot be loaded at all.
 */
export type KernelFate = "up" | "hangs" | "panics" | "unloadable";

/** One action of the firmware. A `save` is durable: the power can fail before it and after it. */
export type FirmwareStep =
  | { readonly kind: "say"; readonly text: string }
  | { readonly kind: "save"; readonly env: ReadonlyMap<string, string> };

export type PowerOnOutcome =
  | { readonly kind: "up"; readonly slot: SlotId }
  /** A kernel was started but hangs; only the power switch helps. */
  | { readonly kind: "hangs"; readonly slot: SlotId }
  /** No kernel could be loaded and no trial is pending: the boot loader waits at its prompt. */
  | { readonly kind: "prompt" }
  /** The board resets endlessly. */
  | { readonly kind: "resets" }
  /** The user's own firmware reports that nothing runs. */
  | { readonly kind: "none" };

export interface PowerOn {
  readonly steps: readonly FirmwareStep[];
  /** The environment after the last save. */
  readonly env: ReadonlyMap<string, string>;
  readonly outcome: PowerOnOutcome;
}

/** Mender's U-Boot has `bootlimit=1` in its built-in environment. */
const DEFAULT_BOOTLIMIT = 1;

/** After this many starts the simulation stops and reports that the board only resets. */
const MAX_STARTS = 100;

/**
 * Simulates U-Boot as Mender's integration configures it, from power-on until a kernel runs or nothing more happens:
 * - U-Boot increments and saves `bootcount` only while `upgrade_available` is not 0;
 * - past `bootlimit` it runs `altbootcmd`, which switches back;
 * - `mender_setup` writes the canary;
 * - a kernel that does not load during a trial resets the board (`mender_try_to_recover`).
 *
 * @see U-Boot, drivers/bootcount; Mender board integration, "U-Boot boot flow"
 */
export function powerOn(
  stored: ReadonlyMap<string, string>,
  partitions: SlotPartitions,
  fates: Readonly<Record<SlotId, KernelFate>>,
): PowerOn {
  const steps: FirmwareStep[] = [];
  let env = stored;
  const say = (text: string): void => void steps.push({ kind: "say", text });
  const save = (changes: Readonly<Record<string, string>>): void => {
    env = new Map([...env, ...Object.entries(changes)]);
    steps.push({ kind: "save", env });
  };

  for (let start = 1; ; start += 1) {
    const before = env;
    const trial = number(env, "upgrade_available", 0) !== 0;
    if (trial) {
      const count = number(env, "bootcount", 0) + 1;
      const limit = number(env, "bootlimit", DEFAULT_BOOTLIMIT);
      save({ bootcount: String(count) });
      say(`An update is on trial: this is start ${count} of at most ${limit} without a commit.`);
      if (limit !== 0 && count > limit) {
        const back = otherSlot(planned(env, partitions) ?? "B");
        say(`The update was not committed: going back to slot ${back}.`);
        save({ ...pointTo(partitions[back]), upgrade_available: "0" });
      }
    }
    if (env.get("mender_saveenv_canary") !== "1") {
      say("Leaving a mark in the boot environment, so that the agent knows it is the right one.");
      save({ mender_saveenv_canary: "1" });
    }
    const slot = planned(env, partitions);
    const fate = slot === undefined ? "unloadable" : fates[slot];
    if (slot !== undefined && fate === "up") {
      say(`Slot ${slot}: the kernel starts, the system comes up.`);
      return { steps, env, outcome: { kind: "up", slot } };
    }
    if (slot !== undefined && fate === "hangs") {
      say(`Slot ${slot}: the kernel starts, and then nothing more happens.`);
      return { steps, env, outcome: { kind: "hangs", slot } };
    }
    if (slot === undefined || fate === "unloadable") {
      say(slot === undefined ? "The boot environment names no slot." : `Slot ${slot}: no complete system to start.`);
      if (env.get("upgrade_available") !== "1") return { steps, env, outcome: { kind: "prompt" } };
      say("It is on trial, so the board resets and tries again.");
    } else {
      say(`Slot ${slot}: the kernel panics, and the board resets.`);
      if (env === before) return { steps, env, outcome: { kind: "resets" } };
    }
    if (start === MAX_STARTS) return { steps, env, outcome: { kind: "resets" } };
  }
}

function pointTo(partition: number): Record<string, string> {
  return { mender_boot_part: String(partition), mender_boot_part_hex: partition.toString(16).toUpperCase() };
}

/** The slot that both numbers name: the hexadecimal one selects the kernel, the decimal one the root file system. */
function planned(env: ReadonlyMap<string, string>, partitions: SlotPartitions): SlotId | undefined {
  const slot = slotOfNumber(env.get("mender_boot_part") ?? "", partitions);
  const hex = env.get("mender_boot_part_hex") ?? "";
  return slot !== undefined && /^[0-9a-f]+$/i.test(hex) && Number.parseInt(hex, 16) === partitions[slot]
    ? slot
    : undefined;
}

/** Reads a number like U-Boot's `env_get_ulong`: the leading digits, or `fallback` if the variable is not set. */
function number(env: ReadonlyMap<string, string>, key: string, fallback: number): number {
  const text = env.get(key);
  return text === undefined ? fallback : Number(/^[0-9]*/.exec(text)?.[0] || "0");
}
