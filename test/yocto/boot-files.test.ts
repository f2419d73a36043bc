import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { put } from "../image/image-rig.ts";

const folder = mkdtempSync(join(tmpdir(), "switchback-boot-files-"));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the function of the class, with BitBake's variables replaced by their values, as BitBake does it. */
function bootFiles(variables: Readonly<Record<string, string>>): string {
  const text = readFileSync("yocto-layer/classes/switchback-image-types.bbclass", "utf8");
  const [code = ""] = /^switchback_boot_files\(\) \{$[\s\S]*?^\}$/m.exec(text) ?? [];
  const script = code.replace(/\$\{([A-Z_]+)\}/g, (_, name: string) => variables[name] ?? "");
  const program = `set -e\nbbfatal() { echo "$1"; exit 1; }\n${script}\nswitchback_boot_files "${folder}/boot"\n`;
  const { stdout, stderr } = spawnSync("sh", ["-c", program], { encoding: "utf8", cwd: join(folder, "deploy") });
  return stdout + stderr;
}

test("IMAGE_BOOT_FILES may hold other names, patterns and folders, as on a Raspberry Pi", async () => {
  const content = { "bootfiles/start.elf": "", "u-boot.bin": "", "vc4.dtbo": "", "grub-efi-bootx64.efi": "MZ" };
  put(join(folder, "deploy"), content);
  const files = "bootfiles/*   u-boot.bin;kernel7.img vc4.dtbo;overlays/vc4.dtbo boot*/*;copies/";
  const variables = { DEPLOY_DIR_IMAGE: join(folder, "deploy"), _SWITCHBACK_CHOSEN_BOOTLOADER: "grub" };
  expect(bootFiles({ ...variables, IMAGE_BOOT_FILES: files })).toBe("");
  const made = await readdir(join(folder, "boot"), { recursive: true });
  expect(made.filter((name) => /\.\w+$/.test(name)).sort()).toEqual([
    "EFI/BOOT/bootx64.efi",
    "copies/start.elf",
    "kernel7.img",
    "overlays/vc4.dtbo",
    "start.elf",
  ]);
  expect(bootFiles({ ...variables, IMAGE_BOOT_FILES: "MLO" })).toContain("IMAGE_BOOT_FILES names MLO, which is not in");
});
