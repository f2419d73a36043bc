import { createRpiTryboot } from "../../../adapters/bootloader/rpi-tryboot/bootloader.ts";
import { createTrybootFirmware } from "../../../adapters/bootloader/rpi-tryboot/firmware.ts";
import { createSystemdBoot } from "../../../adapters/bootloader/systemd-boot/bootloader.ts";
import type { Bootloader, SlotId } from "../../ports/bootloader.ts";
import type { Host } from "../host.ts";

interface BootFileParts {
  readonly bootFolder: string;
  /** Only `rpi-tryboot` needs it. */
  readonly bootPartitions: Readonly<Record<SlotId, number>> | undefined;
  readonly host: Host;
  booted(signal: AbortSignal): Promise<SlotId>;
}

/** Boot loaders that read files on their own partition. */
export function composeBootFiles(
  kind: "systemd-boot" | "rpi-tryboot",
  { bootPartitions, host, ...rest }: BootFileParts,
): Bootloader {
  const parts = { ...rest, files: host.files };
  if (kind === "systemd-boot" || bootPartitions === undefined) return createSystemdBoot(parts);
  return createRpiTryboot({ ...parts, bootPartitions, firmware: createTrybootFirmware(host.process()) });
}
