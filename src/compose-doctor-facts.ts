import { stat, statfs } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { inspectSlot } from "../adapters/bootloader/fake/board-image.ts";
import { boardPaths } from "../adapters/bootloader/fake/board-layout.ts";
import { lookAtFolder } from "../adapters/doctor/folder-facts.ts";
import { lookAtSlot } from "../adapters/doctor/slot-facts.ts";
import { composeSlots } from "./compose-bootloader.ts";
import type { Machine } from "./compose-machine.ts";
import type { Config } from "./config/config.ts";
import type { SlotsSeen } from "./core/doctor/slots.ts";
import type { FolderFacts, SlotFacts } from "./ports/board-facts.ts";
import type { SlotId } from "./ports/bootloader.ts";

/** The storage of a device, or of the virtual board that the configuration names. */
interface BoardFacts {
  /** @throws {AgentError} CONFIG_INVALID */
  slots(booted: SlotId): Promise<SlotsSeen>;
  datastore(folder: string): Promise<FolderFacts>;
}

export function lookAtBoard(config: Config, machine: Machine, signal: AbortSignal): BoardFacts {
  const { board, device } = config.switchback;
  const slots = async (booted: SlotId, rootBytes: number): Promise<SlotsSeen> => {
    const paths = composeSlots(config);
    const look = async (slot: SlotId): Promise<SlotFacts> => {
      const seen = await lookAtSlot(paths[slot]);
      if (device === undefined || seen.kind !== "missing") return seen;
      // A name that means something to the board's own adapter only.
      const { composeSlotDriver } = await import("./compose-slot-driver.ts");
      const driver = await composeSlotDriver(device, config, paths, machine);
      return { ...seen, kind: "adapter's", identity: paths[slot], sizeBytes: await driver.size(slot, signal) };
    };
    return { slots: { A: await look("A"), B: await look("B") }, booted, rootBytes };
  };
  if (board === undefined) {
    return { slots: async (booted) => slots(booted, await rootBytes()), datastore: lookAtFolder };
  }
  return {
    async slots(booted) {
      const content = await inspectSlot(composeSlots(config)[booted]);
      return slots(booted, content.kind === "complete" ? content.sizeBytes : 0);
    },
    datastore: (folder) => boardDatastore(folder, boardPaths(board).dataDir),
  };
}

/** Without what the file system needs for itself: what an image holds at least. */
async function rootBytes(): Promise<number> {
  const { blocks, bsize } = await statfs("/");
  return blocks * bsize;
}

/** The data partition of a virtual board is its folder `data`, whatever that lies on. */
async function boardDatastore(folder: string, partition: string): Promise<FolderFacts> {
  const { mount: _, ...facts } = await lookAtFolder(folder);
  const isThere = await stat(partition).then(
    () => true,
    () => false,
  );
  const isInside = `${resolve(folder)}${sep}`.startsWith(`${resolve(partition)}${sep}`);
  if (!isThere || !isInside) return facts;
  return { ...facts, mount: { folder: partition, type: "folder", source: "virtual board" } };
}
