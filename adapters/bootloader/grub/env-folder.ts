import { existsSync } from "node:fs";
import { join } from "node:path";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { readSmallFile } from "../../../src/util/small-file.ts";

const MARK = "mender_grubenv1/env";

/**
 * Where Mender's integration puts the environment: current versions with GRUB on EFI and on BIOS, then older versions.
 */
const PLACES = ["/boot/efi/grub-mender-grubenv", "/boot/grub/grub-mender-grubenv", "/boot/efi/EFI/BOOT", "/boot/grub"];

/**
 * Finds the folder that holds `mender_grubenv1` and `mender_grubenv2`: the last `ENV_DIR` in the configuration, or else
 * the first of the usual places that has the environment.
 *
 * @param root stands for `/`
 * @throws {AgentError} BOOTENV_CONFIG
 */
export function grubEnvFolder(config = "/etc/mender_grubenv.config", root = "/"): string {
  const configured = existsSync(config)
    ? [...readSmallFile(config).matchAll(/^ENV_DIR *= *(.+)$/gm)].at(-1)?.[1]?.trim()
    : undefined;
  const looked = configured === undefined ? PLACES : [configured];
  const found = looked.map((folder) => join(root, folder)).find((folder) => existsSync(join(folder, MARK)));
  if (found !== undefined) return found;
  throw new AgentError("BOOTENV_CONFIG", {
    file: config,
    looked: looked.join(),
    reason: `there is no ${MARK}: is the boot partition mounted?`,
  });
}

/**
 * The files that a change of the environment writes; empty if there is no environment.
 *
 * @param findFolder like `grubEnvFolder`
 */
export function grubEnvFiles(findFolder: () => string): readonly string[] {
  try {
    const folder = findFolder();
    const copies = ["mender_grubenv1", "mender_grubenv2"];
    return copies.flatMap((copy) => ["env", "lock", "lock.sha256sum"].map((name) => join(folder, copy, name)));
  } catch (error) {
    if (error instanceof AgentError) return [];
    throw error;
  }
}
