import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { type Bootloader, type BootPlan, otherSlot, type SlotId } from "../../../src/ports/bootloader.ts";
import type { FileActs } from "../../../src/ports/files.ts";
import { readSmallFile } from "../../../src/util/small-file.ts";
import { expectReplaceable } from "../replaceable.ts";
import {
  byGeneration,
  DEFAULT_PATTERN,
  differingKey,
  entryFile,
  parseEntry,
  type SlotEntry,
  valueIn,
} from "./entries.ts";

export interface SystemdBootOptions {
  /** Mount point of the ESP or XBOOTLDR: the folder that holds `loader`. */
  readonly bootFolder: string;
  readonly files: FileActs;
  /** The slot of the running kernel; asks the system, not the entries. */
  readonly booted: (signal: AbortSignal) => Promise<SlotId>;
}

/** The entry with the highest generation, and the entry of each slot. */
interface Entries {
  readonly top: SlotEntry;
  readonly of: Readonly<Record<SlotId, SlotEntry>>;
}

/**
 * systemd-boot's boot counting, which uses only the file names of one entry for each slot. The entry with the highest
 * generation boots. When its tries are used up, which the boot loader records in the name, the other entry boots. Each
 * change is therefore one rename: `arm` gives the slot's entry the highest generation and one try, `confirm` removes
 * the counter, `revert` gives the other entry the highest generation and no counter. The content of the files never
 * changes.
 *
 * A used-up try means either a running trial or a failed one; the running system tells which.
 *
 * @see Boot Loader Specification, "Boot counting" and "Sorting"; systemd's "Automatic Boot Assessment"
 */
export function createSystemdBoot({ bootFolder, files, booted }: SystemdBootOptions): Bootloader {
  const folder = join(bootFolder, "loader/entries");

  const load = async (signal: AbortSignal): Promise<Entries> => {
    signal.throwIfAborted();
    const all = (await list(folder)).flatMap((file) => parseEntry(file) ?? []).sort(byGeneration);
    const [top] = all;
    const A = all.find(({ slot }) => slot === "A");
    const B = all.find(({ slot }) => slot === "B");
    if (top === undefined || A === undefined || B === undefined) {
      throw new AgentError("BOOT_ENTRIES", { folder, missing: entryFile(A === undefined ? "A" : "B", 1) });
    }
    await checkOrder(bootFolder, folder, A, B);
    return { top, of: { A, B } };
  };

  /** Whether the trial of the highest entry is armed or running. */
  const isOnTrial = async ({ slot, tries }: SlotEntry, signal: AbortSignal): Promise<boolean> =>
    tries !== undefined && (tries.left > 0 || (await booted(signal)) === slot);

  const rename = async (from: SlotEntry, to: string): Promise<void> => {
    try {
      await files.rename(join(folder, from.file), join(folder, to));
      await files.syncFolder(folder);
    } catch (cause) {
      throw new AgentError("BOOTENV_WRITE", { bootloader: "systemd-boot", file: to }, cause);
    }
    const found = await list(folder);
    if (!found.includes(to) || found.includes(from.file)) {
      throw new AgentError("BOOTENV_WRITE", { bootloader: "systemd-boot", file: to, found: found.join(" ") });
    }
  };

  return {
    kind: "systemd-boot",
    booted,
    async plan(signal): Promise<BootPlan> {
      const { top } = await load(signal);
      if (top.tries === undefined) return { slot: top.slot, trial: false };
      return (await isOnTrial(top, signal))
        ? { slot: top.slot, trial: true }
        : { slot: otherSlot(top.slot), trial: false };
    },
    async arm(slot, signal) {
      const { top, of } = await load(signal);
      if (top.slot === slot && top.tries?.left === 1 && top.tries.done === 0) return;
      await rename(of[slot], entryFile(slot, top.generation + 1, 1));
    },
    async confirm(signal) {
      const { top } = await load(signal);
      if (top.tries === undefined || !(await isOnTrial(top, signal))) return;
      await rename(top, entryFile(top.slot, top.generation));
    },
    async revert(slot, signal) {
      const { top, of } = await load(signal);
      if (top.slot === slot && top.tries === undefined) return;
      await rename(of[slot], entryFile(slot, top.generation + 1));
    },
    async expectWritable(signal) {
      const { of } = await load(signal);
      for (const { file } of [of.A, of.B]) await expectReplaceable(join(folder, file));
    },
    async diagnose(signal) {
      const { of } = await load(signal);
      const found = `${of.A.file} and ${of.B.file}, and only their names decide which one boots`;
      return [{ level: "good", subject: `boot entries in ${folder}`, found }];
    },
  };
}

async function list(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    throw new AgentError("BOOTENV_READ", { bootloader: "systemd-boot", folder }, cause);
  }
}

/** @throws {AgentError} BOOT_ENTRIES if anything but the names decides which entry boots */
async function checkOrder(bootFolder: string, folder: string, a: SlotEntry, b: SlotEntry): Promise<void> {
  const key = differingKey(await read(join(folder, a.file)), await read(join(folder, b.file)));
  if (key !== undefined) throw new AgentError("BOOT_ENTRIES", { folder, reason: `the entries differ in ${key}` });
  const file = join(bootFolder, "loader/loader.conf");
  const pattern = valueIn(await read(file), "default");
  if (pattern !== DEFAULT_PATTERN) {
    throw new AgentError("BOOT_ENTRIES", { file, default: pattern ?? "", expected: DEFAULT_PATTERN });
  }
}

async function read(path: string): Promise<string> {
  try {
    return readSmallFile(path);
  } catch (cause) {
    throw new AgentError("BOOTENV_READ", { bootloader: "systemd-boot", file: path }, cause);
  }
}
