import { createFwEnv, fwEnvTools } from "../adapters/bootloader/uboot/fw-env.ts";
import type { BootloaderParts } from "./compose-bootloader.ts";
import type { BootEnv } from "./ports/boot-env.ts";

export function composeUbootEnv({ config, processes }: BootloaderParts): BootEnv {
  return createFwEnv(processes, fwEnvTools(config.switchback.fwEnvConfig));
}
