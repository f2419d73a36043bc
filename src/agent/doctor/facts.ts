import { stat } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { inspectSlot } from "../../../adapters/bootloader/fake/board-image.ts";
import { boardPaths } from "../../../adapters/bootloader/fake/board-layout.ts";
import { collectFolderFacts } from "../../../adapters/doctor/folder-facts.ts";
import { rootBytes } from "../../../adapters/doctor/root-facts.ts";
import { collectSlotFacts } from "../../../adapters/doctor/slot-facts.ts";
import type { Config } from "../../config/config.ts";
import type { SlotsSeen } from "../../core/doctor/slots.ts";
import type { FolderFacts, SlotFacts } from "../../ports/board-facts.ts";
import type { SlotId } from "../../ports/bootloader.ts";
import { composeSlots } from "../device/bootloader-parts.ts";
import type { Host } from "../host.ts";

/** The storage of a device, or of the virtual board that the configuration names. */
interface BoardFacts {
  /** @throws {AgentError} CONFIG_INVALID */
  slots(booted: SlotId | undefined): Promise<SlotsSeen>;
  datastore(folder: string): Promise<FolderFacts>;
}

export function createBoardFacts(config: Config, host: Host, signal: AbortSignal): BoardFacts {
  const { board, device } = config.switchback;
  const slots = async (): Promise<Record<SlotId, SlotFacts>> => {
    const paths = composeSlots(config);
    const collect = async (slot: SlotId): Promise<SlotFacts> => {
      const seen = await collectSlotFacts(paths[slot]);
      if (device === undefined || seen.kind !== "missing") return seen;
      // Only the board's own adapter understands such a name.
      const { composeSlotDriver } = await import("../device/slot-driver.ts");
      const driver = await composeSlotDriver(device, config, paths, host);
      return { ...seen, kind: "adapter's", identity: paths[slot], sizeBytes: await driver.size(slot, signal) };
    };
    return { A: await collect("A"), B: await collect("B") };
  };
  if (board === undefined) {
    return {
      async slots(booted) {
        const seen = await slots();
        return { slots: seen, booted, rootBytes: booted && (await rootBytes(seen[booted].identity)) };
      },
      datastore: collectFolderFacts,
    };
  }
  return {
    async slots(booted) {
      const content = booted && (await inspectSlot(composeSlots(config)[booted]));
      return {
        slots: await slots(),
        booted,
        rootBytes: content?.kind === "complete" ? content.sizeBytes : undefined,
      };
    },
    datastore: (folder) => boardDatastore(folder, boardPaths(board).dataDir),
  };
}

/** The data partition of a virtual board is its folder `data`, on any filesystem. */
async function boardDatastore(folder: string, partition: string): Promise<FolderFacts> {
  const { mount: _, ...facts } = await collectFolderFacts(folder);
  const isThere = await stat(partition).then(
    () => true,
    () => false,
  );
  const isInside = `${resolve(folder)}${sep}`.startsWith(`${resolve(partition)}${sep}`);
  if (!isThere || !isInside) return facts;
  return { ...facts, mount: { folder: partition, type: "folder", source: "virtual board" } };
}
