import { realpathSync } from "node:fs";

/** A device path or volume name as it was configured, or as a kernel or a mount table writes it. */
type DevicePath = string;

/** Names that say nothing about the device behind them; any other path is kept as it is, even a link. */
const INDIRECT = /^\/dev\/(root$|disk\/by-partuuid\/|disk\/by-partlabel\/)/;

/**
 * The path whose trailing digits are the partition number: links made by udev are followed, and a UBI
 * volume has its node's path. A link that leads nowhere stays as it is.
 *
 * @see Mender board integration, "Deciding active / inactive partition"
 */
export function normalizeSlotPath(path: DevicePath, realpath: (path: string) => string = realpathSync): string {
  if (/^ubi[0-9]+_[0-9]+$/.test(path)) return `/dev/${path}`;
  if (!INDIRECT.test(path)) return path;
  try {
    return realpath(path);
  } catch {
    // ignored: without the device there is no better name; what needs the device says that it is missing.
    return path;
  }
}
