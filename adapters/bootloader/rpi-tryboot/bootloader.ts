import { join } from "node:path";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { type Bootloader, type BootPlan, otherSlot, type SlotId } from "../../../src/ports/bootloader.ts";
import type { FileActs } from "../../../src/ports/files.ts";
import type { Finding } from "../../../src/ports/finding.ts";
import { replaceFile } from "../../../src/util/replace-file.ts";
import { readSmallFile } from "../../../src/util/small-file.ts";
import type { SlotPartitions } from "../../linux/partition-number.ts";
import { expectReplaceable } from "../replaceable.ts";
import { AUTOBOOT_BYTES, changeAutoboot, parseAutoboot, slotOfPartition } from "./autoboot.ts";
import type { TrybootFirmware } from "./firmware.ts";

export interface RpiTrybootOptions {
  /** Mount point of the first FAT partition, which holds autoboot.txt. */
  readonly bootFolder: string;
  /** The FAT partition that holds each slot's kernel. */
  readonly bootPartitions: SlotPartitions;
  readonly files: FileActs;
  readonly firmware: TrybootFirmware;
  /** The slot of the running kernel; asks the system, not autoboot.txt. */
  readonly booted: (signal: AbortSignal) => Promise<SlotId>;
  /** Identifies the current boot, like /proc/sys/kernel/random/boot_id. */
  readonly bootId?: () => Promise<string>;
}

const REBOOT_ARGUMENT = "0 tryboot";

const UNKNOWN_PARTITION =
  "Set BootPartitionA and BootPartitionB to the partitions in autoboot.txt, or update the firmware: rpi-eeprom-update -a.";

interface State {
  readonly plan: BootPlan;
  /** The file still mentions a trial, which may be over. */
  readonly marked: boolean;
}

/**
 * Raspberry Pi's `tryboot`: autoboot.txt names the partition for every start, and another one for a start that finds
 * the firmware's tryboot flag set. The firmware clears the flag at that start, and a power cut clears it too, so a
 * trial gets one attempt. Arming sets the flag through the firmware's mailbox, so that any restart begins the trial.
 * The argument of the reboot also requests the trial, for boards without a mailbox.
 *
 * The file cannot tell whether an armed trial is still to come, so it names the boot in which the trial was armed. In a
 * later boot the firmware's report decides, or the running slot if the firmware reports nothing.
 *
 * Each mutation replaces the whole file. The flag is set after the file and cleared before it: with a flag set but no
 * trial in the file, the firmware would boot the other slot as if it were committed.
 *
 * @see Raspberry Pi documentation, "autoboot.txt" and "tryboot"
 */
export function createRpiTryboot(options: RpiTrybootOptions): Bootloader {
  const { bootFolder, bootPartitions, files, firmware, booted, bootId = currentBootId } = options;
  const file = join(bootFolder, "autoboot.txt");

  /** Tells whether the current boot is the trial. Expects that an earlier boot has armed it. */
  const isTrial = async (usual: SlotId, signal: AbortSignal): Promise<boolean> => {
    const told = await firmware.boot();
    if (told?.tryboot === false) return false;
    // Early firmware of the Raspberry Pi 5 reports every partition as 0.
    const ran = slotOfPartition(told?.partition, bootPartitions) ?? (await booted(signal));
    return ran !== usual;
  };

  const look = async (signal: AbortSignal): Promise<State> => {
    signal.throwIfAborted();
    const { usual, armedIn } = parseAutoboot(await read(file));
    const slot = slotOfPartition(usual, bootPartitions);
    if (slot === undefined)
      throw new AgentError("SLOT_UNKNOWN", { file, boot_partition: usual ?? "", ...bootPartitions });
    if (armedIn === undefined) return { plan: { slot, trial: false }, marked: false };
    const trial = armedIn === (await bootId()) || (await isTrial(slot, signal));
    return { plan: { slot: trial ? otherSlot(slot) : slot, trial }, marked: true };
  };

  /** @param armedIn absent: no trial */
  const write = async (usual: SlotId, armedIn?: string, tried = otherSlot(usual)): Promise<void> => {
    const state = { usual: bootPartitions[usual], ...(armedIn !== undefined && { armedIn }) };
    const text = changeAutoboot(await read(file), state, bootPartitions[tried]);
    if (text.length > AUTOBOOT_BYTES) throw tooLong(file, text.length);
    try {
      await replaceFile(file, text, files);
    } catch (cause) {
      throw new AgentError("BOOTENV_WRITE", { bootloader: "rpi-tryboot", file }, cause);
    }
    if ((await read(file)) !== text) throw new AgentError("BOOTENV_WRITE", { bootloader: "rpi-tryboot", file });
  };

  /**
   * The firmware chooses the kernel's partition, and cmdline.txt on it names the root file system. So the kernel and
   * the root file system can belong to different slots.
   */
  const assessFirmware = async (signal: AbortSignal): Promise<readonly Finding[]> => {
    const told = await firmware.boot();
    if (told === undefined) return [];
    const subject = "partition that the firmware booted";
    const loaded = slotOfPartition(told.partition, bootPartitions);
    const running = await booted(signal);
    const found = `${told.partition}${told.tryboot ? ", as a trial" : ""}, while slot ${running} runs`;
    if (loaded === running) return [{ level: "good", subject, found }];
    if (loaded === undefined) return [{ level: "note", subject, found, advice: UNKNOWN_PARTITION }];
    const advice = `Make root= in cmdline.txt of partition ${told.partition} name the root file system of slot ${loaded}.`;
    return [{ level: "bad", subject, found, advice }];
  };

  return {
    kind: "rpi-tryboot",
    booted,
    plan: async (signal) => (await look(signal)).plan,
    async arm(slot, signal) {
      await look(signal);
      await write(otherSlot(slot), await bootId());
      // The mailbox's answer does not matter: the argument of the reboot also requests the trial.
      await firmware.setTryboot(true);
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
      if (!marked && plan.slot === slot) return;
      const answer = await firmware.setTryboot(false);
      // If the flag may still be set, it must not lead to the slot that was rolled back.
      await write(slot, undefined, answer === "refused" ? slot : otherSlot(slot));
    },
    expectWritable: () => expectReplaceable(file),
    async diagnose(signal) {
      await look(signal);
      const { usual } = parseAutoboot(await read(file));
      const found = `boots partition ${usual}, of ${bootPartitions.A} (slot A) and ${bootPartitions.B} (slot B)`;
      return [{ level: "good", subject: file, found }, ...(await assessFirmware(signal))];
    },
  };
}

async function read(file: string): Promise<string> {
  let text: string;
  try {
    text = readSmallFile(file);
  } catch (cause) {
    throw new AgentError("BOOTENV_READ", { bootloader: "rpi-tryboot", file }, cause);
  }
  if (text.length > AUTOBOOT_BYTES) throw tooLong(file, text.length);
  return text;
}

const tooLong = (file: string, bytes: number): AgentError =>
  new AgentError("BOOTENV_READ", { bootloader: "rpi-tryboot", file, bytes, limit: AUTOBOOT_BYTES });

async function currentBootId(): Promise<string> {
  return readSmallFile("/proc/sys/kernel/random/boot_id").trim();
}
