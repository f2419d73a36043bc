import { type Command, Option } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { readGlobalOptions } from "../global-options.ts";
import type { DumpOptions } from "./snapshot-action.ts";

export function register(program: Command, io: CliIo): void {
  const snapshot = program.command("snapshot").description("copy the filesystem of a running device");
  snapshot
    .command("dump")
    .description("write an image of a mounted filesystem to standard output")
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
The filesystem is frozen during the copy: programs that write to it wait. A separate process thaws it at the end, even if
this one is killed. If the reader takes no data for one minute, the copy fails. The datastore must be on another
filesystem.

Examples:
  ssh root@device switchback snapshot dump -C gzip | gunzip > release.img
  switchback snapshot dump --source /dev/mmcblk0p2 > /mnt/usb/release.img
  switchback artifact write rootfs-image -f release.img -t my-board -n release-1 -o release-1.mender`;
