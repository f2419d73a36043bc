import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { type Bootloader, type BootPlan, otherSlot, type SlotId } from "../../../src/ports/bootloader.ts";
import { type FileActs, replaceFile } from "../../../src/util/durable-file.ts";
import type { SlotPartitions } from "../partition-number.ts";
import { expectReplaceable } from "../replaceable.ts";
import { AUTOBOOT_BYTES, changeAutoboot, parseAutoboot, slotOfPartition } from "./autoboot.ts";

export interface RpiTrybootOptions {
  /** Where the first FAT partition is mounted, the one with autoboot.txt. */
  readonly bootFolder: string;
  /** The FAT partition that holds each slot's kernel. */
  readonly bootPartitions: SlotPartitions;
  readonly files: FileActs;
  /** The slot that the running kernel came from; asks the system, not autoboot.txt. */
  readonly booted: (signal: AbortSignal) => Promise<SlotId>;
  /** Names the boot of the running kernel, as /proc/sys/kernel/random/boot_id does. */
  readonly bootId?: () => Promise<string>;
}

const REBOOT_ARGUMENT = "0 tryboot";

interface State {
  readonly plan: BootPlan;
  /** Something is left of a trial, under way or over. */
  readonly marked: boolean;
}

/**
 * Raspberry Pi's `tryboot`: autoboot.txt names the partition of every restart, and another one for the restart that
 * asks for it with an argument. The firmware forgets that flag with the power, so a trial is over whenever anything
 * but this very reboot starts the board. What the file cannot tell is whether a trial that was armed is still to come;
 * so it is marked with the boot in which it was armed: in a later one that runs the usual slot it is over.
 *
 * Each mutation replaces the file as a whole.
 *
 * @see Raspberry Pi documentation, "autoboot.txt" and "tryboot"
 */
export function createRpiTryboot(options: RpiTrybootOptions): Bootloader {
  const { bootFolder, bootPartitions, files, booted, bootId = currentBootId } = options;
  const file = join(bootFolder, "autoboot.txt");

  const look = async (signal: AbortSignal): Promise<State> => {
    signal.throwIfAborted();
    const { usual, armedIn } = parseAutoboot(await read(file));
    const slot = slotOfPartition(usual, bootPartitions);
    if (slot === undefined)
      throw new AgentError("SLOT_UNKNOWN", { file, boot_partition: usual ?? "", ...bootPartitions });
    if (armedIn === undefined) return { plan: { slot, trial: false }, marked: false };
    const trial = armedIn === (await bootId()) || (await booted(signal)) !== slot;
    return { plan: { slot: trial ? otherSlot(slot) : slot, trial }, marked: true };
  };

  /** @param armedIn absent: no trial */
  const write = async (usual: SlotId, armedIn?: string): Promise<void> => {
    const state = { usual: bootPartitions[usual], ...(armedIn !== undefined && { armedIn }) };
    const text = changeAutoboot(await read(file), state, bootPartitions[otherSlot(usual)]);
    if (text.length > AUTOBOOT_BYTES) throw tooLong(file, text.length);
    try {
      await replaceFile(file, text, files);
    } catch (cause) {
      throw new AgentError("BOOTENV_WRITE", { bootloader: "rpi-tryboot", file }, cause);
    }
    if ((await read(file)) !== text) throw new AgentError("BOOTENV_WRITE", { bootloader: "rpi-tryboot", file });
  };

  return {
    kind: "rpi-tryboot",
    booted,
    plan: async (signal) => (await look(signal)).plan,
    async arm(slot, signal) {
      await look(signal);
      await write(otherSlot(slot), await bootId());
    },
    async rebootArgument(signal) {
      const { plan } = await look(signal);
      return plan.trial && (await booted(signal)) !== plan.slot ? REBOOT_ARGUMENT : undefined;
    },
    async confirm(signal) {
      const { plan, marked } = await look(signal);
      if (marked) await write(plan.slot);
    },
    async revert(slot, signal) {
      const { plan, marked } = await look(signal);
      if (marked || plan.slot !== slot) await write(slot);
    },
    expectWritable: () => expectReplaceable(file),
    async diagnose(signal) {
      await look(signal);
      const { usual } = parseAutoboot(await read(file));
      const found = `boots partition ${usual}, of ${bootPartitions.A} (slot A) and ${bootPartitions.B} (slot B)`;
      return [{ level: "good", subject: file, found }];
    },
  };
}

async function read(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new AgentError("BOOTENV_READ", { bootloader: "rpi-tryboot", file }, cause);
  }
  if (text.length > AUTOBOOT_BYTES) throw tooLong(file, text.length);
  return text;
}

const tooLong = (file: string, bytes: number): AgentError =>
  new AgentError("BOOTENV_READ", { bootloader: "rpi-tryboot", file, bytes, limit: AUTOBOOT_BYTES });

async function currentBootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}
