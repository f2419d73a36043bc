import { createExclusive } from "../adapters/bootloader/exclusive.ts";
import { grubEnvFolder } from "../adapters/bootloader/grub/env-folder.ts";
import { createGrubEnv } from "../adapters/bootloader/grub/grub-env.ts";
import { nativeLayout } from "../adapters/bootloader/uboot/choose-env.ts";
import { createFwEnv, fwEnvTools } from "../adapters/bootloader/uboot/fw-env.ts";
import { createNativeEnv } from "../adapters/bootloader/uboot/native-env.ts";
import type { BootloaderParts } from "./compose-bootloader.ts";
import { AgentError } from "./errors/agent-error.ts";
import type { BootEnv } from "./ports/boot-env.ts";

/** What U-Boot's tools lock: libubootenv and U-Boot's own the first, some distributions the second. */
const UBOOT_LOCKS = ["/var/lock/fw_printenv.lock", "/run/fw_printenv.lock"];

/** What `grub-mender-grubenv-set` and `-print` lock. */
const GRUB_LOCKS = ["/var/lock/grub-mender-grubenv-set.lock"];

/** @throws {AgentError} BOOTENV_CONFIG */
export function composeGrubEnv({ machine }: BootloaderParts): BootEnv {
  return createGrubEnv({
    folder: grubEnvFolder(),
    exclusive: createExclusive(GRUB_LOCKS),
    openRaw: machine.openRaw,
  });
}

/**
 * In process where `fw_env.config` names files or block devices; otherwise, or where it is told to, by the tools.
 *
 * @throws {AgentError} BOOTENV_CONFIG only where it is told to work in process
 */
export async function composeUbootEnv({ config, machine, log }: BootloaderParts): Promise<BootEnv> {
  const { bootEnv, fwEnvConfig } = config.switchback;
  if (bootEnv !== "tools") {
    try {
      const layout = await nativeLayout(fwEnvConfig ?? "/etc/fw_env.config");
      return createNativeEnv({ layout, exclusive: createExclusive(UBOOT_LOCKS), log, openRaw: machine.openRaw });
    } catch (error) {
      if (bootEnv === "native" || !(error instanceof AgentError)) throw error;
      log("debug", `the boot environment is accessed by fw_printenv and fw_setenv: ${error.message}`);
    }
  }
  return createFwEnv(machine.process(), fwEnvTools(fwEnvConfig));
}
