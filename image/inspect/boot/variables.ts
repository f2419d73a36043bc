import { type ImageContext, slotOf } from "../context.ts";
import type { BootloaderReport } from "../report.ts";

/** The slot that Mender's boot variables select. */
export function bootsBy(
  variables: ReadonlyMap<string, string>,
  context: ImageContext,
): Pick<BootloaderReport, "boots"> {
  const text = variables.get("mender_boot_part") ?? "";
  if (!/^\d{1,4}$/.test(text)) return {};
  const partition = Number(text);
  return { boots: { ...slotOf(context, partition), partition, trial: variables.get("upgrade_available") === "1" } };
}
