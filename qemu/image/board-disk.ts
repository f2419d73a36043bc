import { resolve } from "node:path";
import { createImage } from "../../image/create.ts";
import type { Board } from "./board.ts";
import { buildUBoot } from "./u-boot.ts";

/** Writes the disk of a board to `path`, with the filesystem image `system` in slot A. */
export async function makeBoardDisk({ image, uBoot }: Board, system: string, path: string): Promise<void> {
  const boot = uBoot === undefined ? [] : [{ from: resolve(await buildUBoot(uBoot), "u-boot.bin"), to: "u-boot.bin" }];
  await createImage(image, { rootfs: system, output: path, files: { boot } });
}
