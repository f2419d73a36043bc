import { createFwEnv, fwEnvTools } from "../adapters/bootloader/uboot/fw-env.ts";
import type { BootloaderParts } from "./compose-bootloader.ts";
import type { BootEnv } from "./ports/boot-env.ts";

export function composeUbootEnv({ config, machine }: BootloaderParts): BootEnv {
  return createFwEnv(machine.process(), fwEnvTools(config.switchback.fwEnvConfig));
}
