import { createRpiTryboot } from "../adapters/bootloader/rpi-tryboot/bootloader.ts";
import { createSystemdBoot } from "../adapters/bootloader/systemd-boot/bootloader.ts";
import type { Bootloader, SlotId } from "./ports/bootloader.ts";
import type { FileActs } from "./util/durable-file.ts";

interface BootFileParts {
  readonly bootFolder: string;
  /** Needed by `rpi-tryboot` alone. */
  readonly bootPartitions: Readonly<Record<SlotId, number>> | undefined;
  readonly files: FileActs;
  booted(signal: AbortSignal): Promise<SlotId>;
}

/** Boot loaders that are told by files on a partition of their own. */
export function composeBootFiles(
  kind: "systemd-boot" | "rpi-tryboot",
  { bootPartitions, ...parts }: BootFileParts,
): Bootloader {
  if (kind === "systemd-boot" || bootPartitions === undefined) return createSystemdBoot(parts);
  return createRpiTryboot({ ...parts, bootPartitions });
}
