import type { ImageContext } from "../context.ts";
import type { BootloaderReport } from "../report.ts";
import { findGrub } from "./grub.ts";
import { findSystemdBoot } from "./systemd-boot.ts";
import { findTryboot } from "./tryboot.ts";
import { findUBoot } from "./uboot.ts";

/** Files that only one boot loader has come first; the environment of U-Boot can lie anywhere. */
const SEARCHES = [findTryboot, findSystemdBoot, findGrub, findUBoot];

/** The boot loader that chooses between two slots, and what it will boot. `undefined` if the image has none. */
export async function findBootloader(context: ImageContext): Promise<BootloaderReport | undefined> {
  for (const search of SEARCHES) {
    const found = await search(context);
    if (found !== undefined) return found;
  }
  return undefined;
}
