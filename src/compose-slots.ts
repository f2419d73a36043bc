import { createSlotDevice } from "../adapters/device/slot-device.ts";
import type { Machine } from "./compose-machine.ts";
import type { Bootloader, SlotId } from "./ports/bootloader.ts";
import type { SlotDevice } from "./ports/slot-device.ts";

/** The slots' storage: UBI volumes where both names are such, else block devices or image files. */
export function composeSlotDevice(
  paths: Readonly<Record<SlotId, string>>,
  { booted }: Pick<Bootloader, "booted">,
  machine: Machine,
): SlotDevice {
  if (!isUbi(paths.A) || !isUbi(paths.B)) return createSlotDevice({ paths, booted, openStorage: machine.openStorage });
  const load = async (): Promise<SlotDevice> => {
    const { createUbiSlotDevice } = await import("../adapters/device/ubi-slot.ts");
    return createUbiSlotDevice({ paths, booted, process: machine.process() });
  };
  return {
    open: async (slot, image, signal) => (await load()).open(slot, image, signal),
    resumePoint: () => 0,
    async *read(slot, bytes, signal) {
      yield* (await load()).read(slot, bytes, signal);
    },
  };
}

const isUbi = (path: string): boolean => /^(\/dev\/)?ubi[0-9]+_[0-9]+$/.test(path);
