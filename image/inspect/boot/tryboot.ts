import { parseAutoboot } from "../../../adapters/bootloader/rpi-tryboot/autoboot.ts";
import { type ImageContext, slotOf } from "../context.ts";
import type { BootloaderReport } from "../report.ts";
import { treeOf } from "./grub.ts";
import { rootIn } from "./kernel-root.ts";

/** Raspberry Pi's tryboot: autoboot.txt names a FAT partition, whose cmdline.txt names the root file system. */
export async function findTryboot(context: ImageContext): Promise<BootloaderReport | undefined> {
  for (const readable of context.readable.filter(({ files }) => files.kind === "fat")) {
    const text = await treeOf(readable, context.signal).text("/autoboot.txt");
    if (text === undefined) continue;
    const { usual, armedIn } = parseAutoboot(text);
    const boot = context.readable.find(({ partition }) => partition.number === usual);
    const line = boot && (await treeOf(boot, context.signal).text("/cmdline.txt"));
    const partition = line === undefined ? undefined : rootIn(line, context);
    if (partition === undefined) return { kind: "rpi-tryboot" };
    return { kind: "rpi-tryboot", boots: { ...slotOf(context, partition), partition, trial: armedIn !== undefined } };
  }
  return undefined;
}
