import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import type { InspectOptions } from "./inspect-action.ts";

export function registerInspect(image: Command, io: CliIo): void {
  image
    .command("inspect")
    .description("explain an image, and report what would prevent updates of a device with it")
    .argument("<file>", "image of a disk or of one file system; also compressed with gzip, xz or zstd")
    .option("--no-progress", "draw no progress bar while a compressed image is unpacked")
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (file: string, options: InspectOptions) => {
      const { inspect } = await import("./inspect-action.ts");
      await inspect(file, options, io);
    });
}

const EXAMPLES = `
It needs no root and changes nothing. It reads ext2, ext3, ext4 and FAT with debugfs and mtools. A compressed image
becomes a temporary sparse file in the folder that TMPDIR names.

Exit status:
  0  a device with this image can install an update and roll it back, as far as an image shows it
  1  something is wrong

Examples:
  switchback image inspect disk.img
  switchback image inspect disk.img.xz
  switchback image inspect --json disk.img | jq -r '.findings[] | select(.level == "wrong") | .advice'`;
