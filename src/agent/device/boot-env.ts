import { createExclusive } from "../../../adapters/bootloader/exclusive.ts";
import { grubEnvFiles, grubEnvFolder } from "../../../adapters/bootloader/grub/env-folder.ts";
import { createGrubEnv } from "../../../adapters/bootloader/grub/grub-env.ts";
import { GRUB_ENV_TOOLS } from "../../../adapters/bootloader/grub/grub-env-tools.ts";
import { createToolEnv, type EnvTools } from "../../../adapters/bootloader/tool-env.ts";
import { nativeLayout } from "../../../adapters/bootloader/uboot/choose-env.ts";
import { fwEnvTools } from "../../../adapters/bootloader/uboot/fw-env-tools.ts";
import { createNativeEnv } from "../../../adapters/bootloader/uboot/native-env.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { BootEnv } from "../../ports/boot-env.ts";
import { isInPath } from "../../util/is-in-path.ts";
import type { BootloaderParts } from "./bootloader-parts.ts";

/** Lock files of U-Boot's tools. libubootenv and U-Boot's own tools use the first, some distributions the second. */
const UBOOT_LOCKS = ["/var/lock/fw_printenv.lock", "/run/fw_printenv.lock"];

/** Lock files of `grub-mender-grubenv-set` and `-print`. */
const GRUB_LOCKS = ["/var/lock/grub-mender-grubenv-set.lock"];

/**
 * Accesses the environment in process if it is mounted, and otherwise, or if so configured, through the tools.
 *
 * @param findFolder finds the folder of the environment
 * @throws {AgentError} BOOTENV_CONFIG if it is not mounted, and the tools are missing or must not be used
 */
export async function composeGrubEnv(parts: BootloaderParts, findFolder = grubEnvFolder): Promise<BootEnv> {
  const { host } = parts;
  const native = async (): Promise<BootEnv> => {
    const folder = findFolder();
    return createGrubEnv({ folder, exclusive: createExclusive(GRUB_LOCKS), openRaw: host.openRaw });
  };
  // If the agent does not find the environment, the tools may still find it.
  const storage = async (): Promise<readonly string[]> => grubEnvFiles(findFolder);
  return nativeOrTools(parts, native, { ...GRUB_ENV_TOOLS, storage }, isInPath(GRUB_ENV_TOOLS.setArgv[0]));
}

/**
 * Accesses the environment in process if `fw_env.config` names files or block devices, and otherwise, or if so
 * configured, through the tools.
 *
 * @throws {AgentError} BOOTENV_CONFIG only if configured to work in process
 */
export function composeUbootEnv(parts: BootloaderParts): Promise<BootEnv> {
  const { config, host, log } = parts;
  const { fwEnvConfig } = config.switchback;
  const native = async (): Promise<BootEnv> => {
    const layout = await nativeLayout(fwEnvConfig ?? "/etc/fw_env.config");
    return createNativeEnv({ layout, exclusive: createExclusive(UBOOT_LOCKS), log, openRaw: host.openRaw });
  };
  return nativeOrTools(parts, native, fwEnvTools(fwEnvConfig), true);
}

async function nativeOrTools(
  { config, host, log }: BootloaderParts,
  native: () => Promise<BootEnv>,
  tools: EnvTools,
  mayFallBack: boolean,
): Promise<BootEnv> {
  const { bootEnv } = config.switchback;
  if (bootEnv !== "tools") {
    try {
      return await native();
    } catch (error) {
      if (bootEnv === "native" || !mayFallBack || !(error instanceof AgentError)) throw error;
      log("debug", `Using ${tools.printArgv[0]} and ${tools.setArgv[0]} for the boot environment: ${error.message}`);
    }
  }
  return createToolEnv(host.process(), tools);
}
