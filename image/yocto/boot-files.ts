import { grubEnvironment } from "../grub-partition.ts";
import { environmentPlace, fwEnvConfig } from "./environment-place.ts";
import { grubScript } from "./grub.ts";
import { partitionNamed, partitionsOf } from "./partitions.ts";
import type { Settings } from "./settings.ts";
import { uBootText } from "./u-boot.ts";
import { uBootFragment } from "./u-boot-config.ts";
import type { TextFile } from "./write-files.ts";

/**
 * The files of a boot loader: for U-Boot its environment, `fw_env.config` and a fragment for Kconfig; for GRUB what the
 * boot partition gets.
 *
 * @param initial text of U-Boot's default environment
 * @throws {AgentError} YOCTO_VARIABLE, YOCTO_VARIABLE_MISSING, YOCTO_SPACE
 */
export function bootFiles(settings: Settings, initial?: string): readonly TextFile[] {
  const { bootloader, label } = settings;
  const partitions = partitionsOf(settings);
  const file = (path: string, content: string | Uint8Array): TextFile => ({ path, content, mode: 0o644 });
  if (bootloader === "u-boot") {
    const place = environmentPlace(settings);
    return [
      file("u-boot-env.txt", uBootText(settings, partitions, initial)),
      file("fw_env.config", fwEnvConfig(place)),
      file("switchback.cfg", uBootFragment(place)),
    ];
  }
  if (bootloader === "none") return [];
  const blocks = grubEnvironment(partitionNamed(partitions, "rootfsA").number);
  return [
    file("EFI/BOOT/grub.cfg", grubScript(settings, partitions, label)),
    ...[...blocks].map(([path, bytes]) => file(path, bytes)),
  ];
}
