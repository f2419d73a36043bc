import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { nativeLayout } from "../../../../adapters/bootloader/uboot/choose-env.ts";

let folder = "";
let config = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-choose-"));
  config = join(folder, "fw_env.config");
});
afterEach(() => rm(folder, { recursive: true }));

test("an environment in files, also behind a link, is accessed in process", async () => {
  await writeFile(join(folder, "env"), "");
  await symlink("env", join(folder, "link"));
  await writeFile(config, `${folder}/link 0x0 0x4000\n${folder}/env 0x4000 0x4000\n`);
  expect((await nativeLayout(config)).copies.map(({ offset }) => offset)).toEqual([0, 0x4000]);
});

test("a missing device is accepted here, and the code that reads it names it", async () => {
  await writeFile(config, "/dev/nowhere 0x0 0x4000\n");
  expect((await nativeLayout(config)).sizeBytes).toBe(0x4000);
});

for (const device of ["/dev/null", "/dev/mtd1", "/dev/ubi0_3", "/dev/ubi0:env", "mtd:env"]) {
  test(`${device} needs the tools, as one copy of two as well`, async () => {
    await writeFile(config, `${folder}/fw_env.config 0x0 0x4000\n${device} 0x0 0x4000\n`);
    await expect(nativeLayout(config)).rejects.toMatchObject({
      code: "BOOTENV_CONFIG",
      detail: { file: config, device, reason: "only the tools can write to MTD and UBI" },
    });
  });
}

test("a link to flash needs the tools, whatever the link's name is", async () => {
  // The block device of an MTD partition: no character device tells that it is flash.
  const device = join(folder, "boot-env");
  await symlink("/dev/mtdblock7", device);
  await writeFile(config, `${device} 0x0 0x4000\n`);
  await expect(nativeLayout(config, async () => "/dev/mtdblock7")).rejects.toMatchObject({
    code: "BOOTENV_CONFIG",
    detail: { device, reason: "only the tools can write to MTD and UBI" },
  });
});

test("a configuration that is missing is named", async () => {
  await expect(nativeLayout(config)).rejects.toMatchObject({ code: "BOOTENV_CONFIG", detail: { file: config } });
});
