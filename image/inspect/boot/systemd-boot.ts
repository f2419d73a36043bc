import { byGeneration, parseEntry, valueIn } from "../../../adapters/bootloader/systemd-boot/entries.ts";
import { type ImageContext, slotOf } from "../context.ts";
import type { BootloaderReport } from "../report.ts";
import { treeOf } from "./grub.ts";
import { rootIn } from "./kernel-root.ts";

const FOLDER = "/loader/entries";

/** systemd-boot boots the entry with the highest generation that has attempts left. */
export async function findSystemdBoot(context: ImageContext): Promise<BootloaderReport | undefined> {
  for (const readable of context.readable.filter(({ files }) => files.kind === "fat")) {
    const tree = treeOf(readable, context.signal);
    const entries = (await tree.names(FOLDER)).flatMap((name) => parseEntry(name) ?? []);
    const [next] = entries.filter(({ tries }) => tries === undefined || tries.left > 0).toSorted(byGeneration);
    if (entries.length === 0) continue;
    const options = next && valueIn((await tree.text(`${FOLDER}/${next.file}`)) ?? "", "options");
    const named = options === undefined ? undefined : rootIn(options, context);
    const partition = named ?? (next && context.slots[next.slot]);
    if (next === undefined || partition === undefined) return { kind: "systemd-boot" };
    return {
      kind: "systemd-boot",
      boots: { slot: next.slot, ...slotOf(context, partition), partition, trial: next.tries !== undefined },
    };
  }
  return undefined;
}
