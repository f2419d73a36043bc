import { createSlotDevice } from "../../../adapters/device/slot-device.ts";
import type { Config } from "../../config/config.ts";
import type { Bootloader, SlotId } from "../../ports/bootloader.ts";
import type { SlotDevice } from "../../ports/slot-device.ts";
import { once } from "../../util/lazy.ts";
import type { Host } from "../host.ts";

/** The slots' storage: the board's own adapter, else UBI volumes if both names are such, else devices or files. */
export function composeSlotDevice(
  config: Config,
  paths: Readonly<Record<SlotId, string>>,
  boot: Pick<Bootloader, "booted">,
  host: Host,
): SlotDevice {
  const { booted } = boot;
  const { device } = config.switchback;
  if (device !== undefined) {
    return lazyDevice(async () => (await import("./slot-driver.ts")).loadDevice(device, config, paths, boot, host));
  }
  if (!isUbi(paths.A) || !isUbi(paths.B)) return createSlotDevice({ paths, booted, openStorage: host.openStorage });
  return lazyDevice(async () => {
    const { createUbiSlotDevice } = await import("../../../adapters/device/ubi-slot.ts");
    return createUbiSlotDevice({ paths, booted, process: host.process() });
  });
}

/** Wraps a device that is loaded at first use and always writes images from their beginning. */
function lazyDevice(load: () => Promise<SlotDevice>): SlotDevice {
  const device = once(load);
  return {
    open: async (slot, image, signal) => (await device()).open(slot, image, signal),
    resumePoint: () => 0,
    async *read(slot, bytes, signal) {
      yield* (await device()).read(slot, bytes, signal);
    },
  };
}

const isUbi = (path: string): boolean => /^(\/dev\/)?ubi[0-9]+_[0-9]+$/.test(path);
