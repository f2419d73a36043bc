import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import type { ConvertOptions } from "./convert-action.ts";

export function registerConvert(image: Command, io: CliIo): void {
  image
    .command("convert")
    .description("turn an image with one root filesystem into one that can be updated, with the agent in it")
    .argument("<file>", "image of a disk or of one root filesystem; also compressed with gzip, xz or zstd")
    .requiredOption("--board <file>", "board file, which describes the new disk")
    .requiredOption("-o, --output <file>", "image to write; .gz, .xz or .zst compresses it")
    .option("--artifact <file>", "write the first Artifact, with the root filesystem of the new image")
    .option("-n, --artifact-name <name>", "name of the first Artifact, which the device reports")
    .option("--agent <dir>", "folder with switchback.mjs, chunks and systemd; default: that of this program")
    .option("--bmap", "write a block map beside the image, for bmaptool")
    .option("--no-progress", "draw no progress bar")
    .addHelpText("after", EXAMPLES)
    .action(async (file: string, options: ConvertOptions) => {
      const { convert } = await import("./convert-action.ts");
      await convert(file, options, io);
    });
}

const EXAMPLES = `
The root filesystem keeps owners, modes, attributes, links and devices. The command needs neither root nor a loop device.
Node 20.19 or newer must be in the image. docs/guides/convert-image.md says what else the image needs.

Examples:
  switchback image convert debian.img --board pc.yaml --output disk.img
  switchback image convert debian.img --board pc.yaml -o disk.img.xz --artifact release-1.mender -n release-1`;
