import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { liftWriteProtection, openRawFile, readRaw, writeRaw } from "../../../adapters/linux/raw-file.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-raw-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("bytes are written in place, at an offset from the start or from the end", async () => {
  const path = join(folder, "disk");
  await writeFile(path, "0123456789");
  await writeRaw(openRawFile, path, 2, Buffer.from("ab"));
  await writeRaw(openRawFile, path, -2, Buffer.from("yz"));
  expect(await readFile(path, "utf8")).toBe("01ab4567yz");
  expect((await readRaw(openRawFile, path, -4, 3)).toString()).toBe("67y");
});

test("an offset before the start is no place to read", async () => {
  const path = join(folder, "disk");
  await writeFile(path, "0123456789");
  await expect(readRaw(openRawFile, path, -11, 1)).rejects.toMatchObject({ code: "BOOTENV_READ" });
});

test("a folder, a character device and a file that is not there are named", async () => {
  for (const path of [folder, "/dev/null", join(folder, "absent")]) {
    await expect(readRaw(openRawFile, path, 0, 1)).rejects.toMatchObject({ code: "BOOTENV_READ", detail: { path } });
    await expect(writeRaw(openRawFile, path, 0, Buffer.alloc(1))).rejects.toMatchObject({
      code: "BOOTENV_WRITE",
      detail: { path },
    });
  }
});

test("the write protection of an eMMC's boot partition is lifted, and put back", async () => {
  const forceRo = join(folder, "mmcblk0boot1", "force_ro");
  await mkdir(join(folder, "mmcblk0boot1"));
  await writeFile(forceRo, "1\n");
  const protect = await liftWriteProtection("/dev/mmcblk0boot1", folder);
  expect(await readFile(forceRo, "utf8")).toBe("0");
  await protect?.();
  expect(await readFile(forceRo, "utf8")).toBe("1");
});

test("the write protection is found behind a link, and behind a link to a link", async () => {
  const forceRo = join(folder, "mmcblk0boot0", "force_ro");
  await mkdir(join(folder, "mmcblk0boot0"));
  await mkdir(join(folder, "dev"));
  await writeFile(join(folder, "dev", "mmcblk0boot0"), "");
  await symlink("mmcblk0boot0", join(folder, "dev", "boot-first"));
  await symlink("boot-first", join(folder, "dev", "emmc-boot0"));
  for (const name of ["boot-first", "emmc-boot0"]) {
    await writeFile(forceRo, "1\n");
    const protect = await liftWriteProtection(join(folder, "dev", name), folder);
    expect(await readFile(forceRo, "utf8")).toBe("0");
    await protect?.();
    expect(await readFile(forceRo, "utf8")).toBe("1");
  }
});

test("what is not protected, or knows no protection, is left alone", async () => {
  await mkdir(join(folder, "mmcblk0boot0"));
  await writeFile(join(folder, "mmcblk0boot0", "force_ro"), "0\n");
  for (const device of ["/dev/mmcblk0boot0", "/dev/mmcblk1boot0", "/dev/mmcblk0p2", "/dev/sda"]) {
    expect(await liftWriteProtection(device, folder)).toBeUndefined();
  }
});
