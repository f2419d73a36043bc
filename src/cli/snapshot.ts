import { type Command, Option } from "commander";
import { readGlobalOptions } from "./global-options.ts";
import type { CliIo } from "./io.ts";
import type { DumpOptions } from "./snapshot-action.ts";

export function register(program: Command, io: CliIo): void {
  const snapshot = program.command("snapshot").description("copy the running root filesystem");
  snapshot
    .command("dump")
    .description("write an image of a filesystem that is in use to standard output")
    .option("--source <path>", "a folder or file of the filesystem, or its block device", "/")
    .addOption(new Option("-C, --compression <how>", "compress the image").choices(["none", "gzip"]).default("none"))
    .option("-q, --quiet", "show no progress, and log nothing but errors")
    .addHelpText("after", EXAMPLES)
    .action(async (options: DumpOptions) => {
      const { dumpSnapshot } = await import("./snapshot-action.ts");
      await dumpSnapshot(readGlobalOptions(program), options, io);
    });
}

const EXAMPLES = `
The filesystem is frozen while it is copied: programs that write to it wait. A process of its own thaws it at the end,
also when this one is killed; when nobody takes the image for a minute, that is the end. The datastore must lie on
another filesystem.

Examples:
  ssh root@device switchback snapshot dump -C gzip | gunzip > release.img
  switchback snapshot dump --source /dev/mmcblk0p2 > /mnt/usb/release.img
  switchback artifact write rootfs-image -f release.img -t my-board -n release-1 -o release-1.mender`;
