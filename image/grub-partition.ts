import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./run.ts";

/** Modules in GRUB's image: they find the disk, read the environment and load a kernel from a squashfs. */
const GRUB_MODULES = [
  "part_gpt",
  "fat",
  "squash4",
  "normal",
  "linux",
  "loadenv",
  "configfile",
  "echo",
  "test",
  "true",
  "reboot",
  "hashsum",
  "gcry_sha256",
  "serial",
  "terminal",
  "sleep",
];
const GRUB_START =
  "serial --unit=0 --speed=115200\nterminal_output serial\nterminal_input serial\nset prefix=($root)/EFI/BOOT\nconfigfile ($root)/EFI/BOOT/grub.cfg\n";
const SLOT_A = "2";

/** The values that differ between the boards that share one GRUB script. */
export interface GrubValues {
  /** The text before a partition's number, such as `/dev/vda`. */
  readonly DISK: string;
  /** The kernel's argument `console=`. */
  readonly CONSOLE: string;
}

/**
 * Fills `tree` with GRUB for UEFI, its script and both copies of a new board's environment.
 *
 * @param script text with the placeholders `@DISK@` and `@CONSOLE@`
 */
export async function fillGrubPartition(tree: string, script: string, values: GrubValues): Promise<void> {
  const boot = join(tree, "EFI/BOOT");
  await mkdir(boot, { recursive: true });
  await writeFile(join(tree, "start.cfg"), GRUB_START);
  const options = [
    "-O",
    "x86_64-efi",
    "-p",
    "/EFI/BOOT",
    "-c",
    join(tree, "start.cfg"),
    "-o",
    join(boot, "BOOTX64.EFI"),
  ];
  await run(["grub-mkimage", ...options, ...GRUB_MODULES]);
  await run(["rm", join(tree, "start.cfg")]);
  await writeFile(
    join(boot, "grub.cfg"),
    script.replaceAll(/@(DISK|CONSOLE)@/g, (_, key: keyof GrubValues) => values[key]),
  );
  for (const copy of ["mender_grubenv1", "mender_grubenv2"]) {
    const folder = join(tree, "grub-mender-grubenv", copy);
    await mkdir(folder, { recursive: true });
    await grubBlock(join(folder, "env"), { bootcount: "0", mender_boot_part: SLOT_A, upgrade_available: "0" });
    await grubBlock(join(folder, "lock"), { editing: "0" });
    await writeFile(join(folder, "lock.sha256sum"), await run(["sha256sum", "lock"], { cwd: folder }));
  }
}

async function grubBlock(path: string, variables: Readonly<Record<string, string>>): Promise<void> {
  await run(["grub-editenv", path, "create"]);
  await run(["grub-editenv", path, "set", ...Object.entries(variables).map(([key, value]) => `${key}=${value}`)]);
}
