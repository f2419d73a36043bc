import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AgentError } from "../../../src/errors/agent-error.ts";

/** Where Mender's integration puts the environment: with GRUB on EFI and BIOS, and where older ones did. */
const PLACES = [
  { folder: "/boot/efi/grub-mender-grubenv", mark: "" },
  { folder: "/boot/grub/grub-mender-grubenv", mark: "" },
  { folder: "/boot/efi/EFI/BOOT", mark: "mender_grubenv1" },
  { folder: "/boot/grub", mark: "mender_grubenv1" },
] as const;

/**
 * The folder that holds `mender_grubenv1` and `mender_grubenv2`: what `ENV_DIR` in the configuration says, the last
 * one of several, or the first of the usual places that is there.
 *
 * @param root stands for `/`
 * @throws {AgentError} BOOTENV_CONFIG
 */
export function grubEnvFolder(config = "/etc/mender_grubenv.config", root = "/"): string {
  const configured = existsSync(config)
    ? [...readFileSync(config, "utf8").matchAll(/^ENV_DIR *= *(.+)$/gm)].at(-1)?.[1]?.trim()
    : undefined;
  const found = configured ?? PLACES.find(({ folder, mark }) => existsSync(join(root, folder, mark)))?.folder;
  if (found !== undefined) return join(root, found);
  throw new AgentError("BOOTENV_CONFIG", {
    file: config,
    reason: "no ENV_DIR is set, and the environment is at none of its usual places: is the boot partition mounted?",
  });
}
