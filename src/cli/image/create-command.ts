import { type Command, Option } from "commander";
import type { CliIo } from "../../agent/io.ts";
import type { CreateOptions } from "./create-action.ts";

export function registerCreate(image: Command, io: CliIo): void {
  image
    .command("create")
    .description("create the image of a disk or of UBI volumes from a root filesystem")
    .argument("<board>", "board file in YAML, which describes the image")
    .requiredOption("--rootfs <path>", "root filesystem: folder, tar archive or image of a filesystem (required)")
    .requiredOption("-o, --output <file>", "image to write; .gz, .xz or .zst at the end compresses it (required)")
    .addOption(
      new Option("--owner <who>", "owner of files from a folder: auto makes the caller's files root's")
        .choices(["auto", "root", "keep"])
        .default("auto"),
    )
    .option("--bmap", "write a block map for bmaptool beside the image")
    .option("--rootfs-output <file>", "also write the filesystem of slot A alone, for 'artifact write rootfs-image'")
    .option("--artifact-name <name>", "put a bootstrap Artifact with this name on the data partition")
    .option("--bootstrap <file>", "put this bootstrap Artifact on the data partition")
    .option("--no-progress", "draw no progress bar")
    .option("--json", "print a JSON object that describes the image")
    .addHelpText("after", EXAMPLES)
    .action(async (board: string, options: CreateOptions) => {
      const { createBoardImage } = await import("./create-action.ts");
      await createBoardImage(board, options, io);
    });
}

const EXAMPLES = `
It needs neither root nor loop devices. The same inputs give the same bytes. With SOURCE_DATE_EPOCH, no time in the image
is later than that. Without it, files keep the times that they have in the folder or archive.

It uses mke2fs, and, for boards that need them, mkfs.vfat and mcopy, grub-mkimage, mkfs.ubifs and ubinize.

Examples:
  switchback image create board.yaml --rootfs rootfs.tar --output disk.img
  switchback image create board.yaml --rootfs rootfs.tar.zst --artifact-name release-1 --bmap -o disk.img.xz
  fakeroot switchback image create board.yaml --rootfs rootfs/ --output disk.img`;
