import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeDisk } from "../../image/disk.ts";
import { fillGrubPartition } from "../../image/grub-partition.ts";
import { BOARDS, type Board } from "./board.ts";
import { buildUBoot, uBootEnvironment } from "./u-boot.ts";

/** Writes the disk of a board to `path`, with the filesystem image `system` in slot A. */
export async function makeBoardDisk(board: Board, system: string, path: string): Promise<void> {
  const { bootloader, deviceType } = board;
  const raw = async () => {
    if (bootloader.kind !== "u-boot") return [];
    const bytes = await uBootEnvironment(bootloader);
    return bootloader.environmentOffsets.map((offset) => ({ bytes, offset }));
  };
  const content = {
    system,
    raw: await raw(),
    fillBoot: (tree: string) => fillBoot(board, tree),
    async fillData(tree: string) {
      await mkdir(join(tree, "mender"), { mode: 0o700 });
      await writeFile(join(tree, "mender/device_type"), `device_type=${deviceType}\n`);
    },
  };
  await makeDisk(board.disk, content, path);
}

async function fillBoot({ bootloader, disk, console }: Board, tree: string): Promise<void> {
  if (bootloader.kind === "u-boot") {
    await copyFile(join(await buildUBoot(bootloader), "u-boot.bin"), join(tree, "u-boot.bin"));
    return;
  }
  const script = await readFile(join(BOARDS, bootloader.script), "utf8");
  await fillGrubPartition(tree, script, { DISK: disk.partitionPrefix, CONSOLE: console });
}
