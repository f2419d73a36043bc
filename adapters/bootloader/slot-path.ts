import { realpathSync } from "node:fs";

/** A device path or volume name, as written in the configuration, by the kernel or in a mount table. */
type DevicePath = string;

/** Names that say nothing about the device behind them. Any other path stays as it is, even a link. */
const INDIRECT = /^\/dev\/(root$|disk\/by-partuuid\/|disk\/by-partlabel\/)/;

/**
 * The path whose trailing digits are the partition number. It follows links made by udev, and gives a UBI volume the
 * path of its device node. A broken link stays as it is.
 *
 * @see Mender board integration, "Deciding active / inactive partition"
 */
export function normalizeSlotPath(path: DevicePath, realpath: (path: string) => string = realpathSync): string {
  if (/^ubi[0-9]+_[0-9]+$/.test(path)) return `/dev/${path}`;
  if (!INDIRECT.test(path)) return path;
  try {
    return realpath(path);
  } catch {
    // ignored: without the device there is no better name; code that opens the device reports that it is missing.
    return path;
  }
}
