import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { VARIABLES } from "../../../image/yocto/variables/table.ts";
import { put } from "../image-rig.ts";
import { type Build, YoctoBuild } from "./yocto-rig.ts";

const yocto = new YoctoBuild(mkdtempSync(join(tmpdir(), "switchback-yocto-")));
afterAll(() => rm(yocto.folder, { recursive: true }));
let made = 0;

/** The files that a verb writes, below a new folder. */
async function written(verb: string, build: Build, ...options: readonly string[]) {
  const folder = yocto.path(`written-${made++}`);
  await yocto.done(verb, build, "--output", folder, ...options);
  return {
    text: (name: string): string => readFileSync(join(folder, name), "utf8"),
    mode: (name: string): string => (statSync(join(folder, name)).mode & 0o777).toString(8),
    names: () => readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted(),
  };
}

test("the configuration has the server, the slots, the boot loader and the mounts", async () => {
  put(yocto.path("fragments"), {
    "10-a.json":
      '{"Switchback": {"AllowPlainHttp": true}, "UpdatePollIntervalSeconds": 7, "inventorypollintervalseconds": 9}',
    "20-b.json": '{"UpdatePollIntervalSeconds": 8}',
    README: "no fragment",
  });
  put(yocto.folder, { "verify.pem": "a public key\n", "last.json": '{"DaemonLogLevel": "debug"}' });
  const build = {
    SWITCHBACK_BOOTLOADER: "grub",
    MENDER_SERVER_URL: "https://ota.example.com",
    MENDER_TENANT_TOKEN: "secret",
    MENDER_CERT_LOCATION: "/etc/mender/server.crt",
    MENDER_INVENTORY_POLL_INTERVAL_SECONDS: "60",
    MENDER_ARTIFACT_VERIFY_KEY: yocto.path("verify.pem"),
    MENDER_PERSISTENT_CONFIGURATION_VARS: "RootfsPartA RootfsPartB",
    MENDER_DATA_PART_MOUNT_LOCATION: "/var/store",
    SWITCHBACK_CONFIGURATION_FRAGMENTS: yocto.path("last.json"),
  };
  const { text, mode, names } = await written("configuration", build, "--fragments", yocto.path("fragments"));
  expect(JSON.parse(text("rootfs/etc/mender/mender.conf"))).toEqual({
    ServerURL: "https://ota.example.com",
    TenantToken: "secret",
    ServerCertificate: "/etc/mender/server.crt",
    ArtifactVerifyKey: "/etc/mender/artifact-verify-key.pem",
    InventoryPollIntervalSeconds: 9,
    UpdatePollIntervalSeconds: 8,
    DaemonLogLevel: "debug",
    Switchback: { Bootloader: "grub", AllowPlainHttp: true },
  });
  expect(JSON.parse(text("data/mender/mender.conf"))).toEqual({
    RootfsPartA: "/dev/mmcblk0p2",
    RootfsPartB: "/dev/mmcblk0p3",
  });
  expect(text("fstab")).toBe(
    "/dev/mmcblk0p1 /boot/efi auto defaults,sync 0 2\n/dev/mmcblk0p4 /var/store auto defaults 0 2\n",
  );
  expect(
    ["rootfs/etc/mender/mender.conf", "data/mender/mender.conf", "data/mender", "data/mender/device_type"].map(mode),
  ).toEqual(["600", "600", "700", "644"]);
  expect(text("rootfs/etc/mender/artifact-verify-key.pem")).toBe("a public key\n");
  expect([text("rootfs/etc/mender/scripts/version"), text("rootfs/etc/mender/artifact_info")]).toEqual([
    "3",
    "artifact_name=release-1\n",
  ]);
  expect(text("data/mender/device_type")).toBe("device_type=test-board\n");
  expect(names()).toEqual(expect.arrayContaining(["rootfs/var/store", "rootfs/boot/efi"]));
  expect(names()).not.toContain("rootfs/etc/fw_env.config");
});

test("swap and further partitions are in fstab as their flags say, and labels as FAT has them", async () => {
  const build = {
    MENDER_FEATURES_ENABLE: "mender-uboot mender-partlabel",
    IMAGE_FSTYPES: "gptimg",
    MENDER_SWAP_PART_SIZE_MB: "1",
    MENDER_EXTRA_PARTS: "one two",
    "MENDER_EXTRA_PARTS[one]": "--label=static --fstype=ext4",
    "MENDER_EXTRA_PARTS_SIZES_MB[one]": "1",
    "MENDER_EXTRA_PARTS_SIZES_MB[two]": "1",
    "MENDER_EXTRA_PARTS_FSTAB[one]": "ext4 noexec 0 0",
  };
  const { text, names, mode } = await written("configuration", build);
  expect(text("fstab").trim().split("\n")).toEqual([
    "LABEL=BOOT /uboot auto defaults,sync 0 2",
    "/dev/mmcblk0p4 none swap sw 0 0",
    "LABEL=data /data auto defaults 0 2",
    "LABEL=static /mnt/static ext4 noexec 0 2",
  ]);
  expect(names()).toContain("rootfs/mnt/static");
  expect(mode("rootfs/etc/mender/mender.conf")).toBe("644");
});

test("an output folder that has files stays as it is", async () => {
  put(yocto.path("mine"), { precious: "yes" });
  const { err } = await yocto.verb("configuration", {}, "--output", yocto.path("mine"));
  expect(err.join()).toContain("OUTPUT_FAILED");
  expect(readdirSync(yocto.path("mine"))).toEqual(["precious"]);
  expect(readdirSync(yocto.folder).filter((name) => name.startsWith("mine") || name.startsWith("."))).toEqual(["mine"]);
});

test("U-Boot's environment counts trials, and keeps the variables of the board", async () => {
  const build = {
    MENDER_UBOOT_PRE_SETUP_COMMANDS: "echo before",
    MENDER_UBOOT_POST_SETUP_COMMANDS: "echo after",
    MENDER_STORAGE_DEVICE: "/dev/sdb",
    SWITCHBACK_UBOOT_ENVIRONMENT: yocto.path("more.txt"),
  };
  put(yocto.folder, { "more.txt": "# comment\nbootdelay=3\nlong=one \\\ntwo\n" });
  const { text } = await written("environment", build, "--environment", yocto.path("u-boot-initial-env"));
  const lines = new Map(
    text("u-boot-env.txt")
      .trim()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const),
  );
  const some = ["kernel_addr_r", "bootdelay", "long", "mender_uboot_if", "mender_uboot_dev", "altbootcmd", "bootlimit"];
  expect(some.map((name) => lines.get(name))).toEqual([
    ...["0x60100000", "3", "one two", "scsi", "1", "run mender_altbootcmd; run bootcmd", "1"],
  ]);
  expect(lines.get("mender_setup")).toMatch(
    /run mender_pre_setup_commands; setenv mender_uboot_root scsi 1:.*; run mender_post_setup_commands$/,
  );
  expect(lines.get("mender_setup")).toContain("setenv mender_kernel_root /dev/sdb$");
  expect(lines.get("bootcmd")).toMatch(
    /^run mender_setup; .*boot\/\S+; then load .*fdt_addr_r.* - .*; run mender_try_to_recover$/,
  );
  expect(lines.get("mender_kernel_args")).toBe("rootwait ro panic=1 console=ttyS0,115200");
  expect(text("fw_env.config")).toBe("/dev/sdb 0x100000 0x20000\n/dev/sdb 0x200000 0x20000\n");
  const own = await written("environment", { SWITCHBACK_UBOOT_BOOTCMD: "run mine", KERNEL_IMAGETYPE: "Image" });
  expect(own.text("u-boot-env.txt")).toMatch(/\nmender_boot_kernel_type=booti\n[\s\S]*\nbootcmd=run mine\n/);
});

test("an environment in a hardware partition of the eMMC is named for the agent, and is not on the disk", async () => {
  const build = { MENDER_UBOOT_CONFIG_SYS_MMC_ENV_PART: "2", MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET: "0x0" };
  const { text } = await written("environment", build);
  expect(text("fw_env.config")).toBe("/dev/mmcblk0boot1 0x0 0x20000\n/dev/mmcblk0boot1 0x100000 0x20000\n");
  expect(text("switchback.cfg")).toContain("CONFIG_ENV_MMC_EMMC_HW_PARTITION=2\nCONFIG_SYS_MMC_ENV_PART=2\n");
  expect(await yocto.done("board", build)).toContain('"kind": "none"');
});

test("GRUB's script knows both slots, their table and the identity of systemd", async () => {
  const grub = {
    SWITCHBACK_BOOTLOADER: "grub",
    KERNEL_IMAGETYPE: "bzImage",
    SWITCHBACK_KERNEL_ARGS: "console=ttyS1 quiet",
  };
  const { text, names } = await written("environment", { ...grub, SWITCHBACK_DISK_LABEL: "gpt" });
  const script = text("EFI/BOOT/grub.cfg");
  expect(script).toContain("set slot=/dev/mmcblk0p$mender_boot_part");
  expect(script).toContain("set system=($disk,gpt$mender_boot_part)");
  expect(script).toContain("linux $system/boot/bzImage root=$slot console=ttyS1 quiet $identity");
  expect(script).toContain("set identity=systemd.machine_id=$mender_systemd_machine_id");
  expect(names().filter((name) => name.endsWith("/env"))).toHaveLength(2);
  const byId = {
    MENDER_ROOTFS_PART_A: "/dev/disk/by-partuuid/5b5b5b5b-02",
    MENDER_ROOTFS_PART_B: "/dev/disk/by-partuuid/5b5b5b5b-03",
  };
  const dos = await written("environment", { ...grub, ...byId, MENDER_GRUB_STORAGE_DEVICE: "hd1" });
  expect(dos.text("EFI/BOOT/grub.cfg")).toMatch(
    /set disk=hd1\n[\s\S]*set slot=PARTUUID=5b5b5b5b-02; else set slot=PARTUUID=5b5b5b5b-03; fi[\s\S]*\(\$disk,msdos\$mender_boot_part\)/,
  );
});

/** What the fragment must do to U-Boot's configuration, in the names of old and new versions. */
test("the check of U-Boot's .config accepts its own fragment, also in the names of one version, and names what differs", async () => {
  const { text } = await written("environment", {});
  const config = yocto.path("config");
  const check = async (lines: string, build: Build = {}): Promise<string> => {
    writeFileSync(config, lines);
    const { out, err } = await yocto.verb("check-u-boot", build, "--config", config);
    return [...out, ...err].join("\n");
  };
  const all = text("switchback.cfg");
  const agrees = "agrees with the layout of the disk.";
  expect(await check(all)).toContain(agrees);
  const without = (...names: readonly string[]): string =>
    all
      .split("\n")
      .filter((line) => !names.some((name) => line.includes(`CONFIG_${name}`)))
      .join("\n");
  expect(await check(without("ENV_REDUNDANT", "ENV_MMC_", "SYS_MMC_ENV_PART"))).toContain(agrees);
  expect(await check(without("SYS_"))).toContain(agrees);
  for (const [lines, ...says] of [
    [without("BOOTCOUNT_ENV"), "CONFIG_BOOTCOUNT_ENV=n must be y"],
    [without("ENV_REDUNDANT", "SYS_REDUNDAND"), "CONFIG_ENV_REDUNDANT=n must be y"],
    [all.replaceAll("0x100000", "0x400000"), "CONFIG_ENV_OFFSET=0x400000 must be 0x100000"],
    [all.replaceAll("0x20000\n", "0x4000\n"), "CONFIG_ENV_SIZE=0x4000 must be 0x20000"],
    [`${all}CONFIG_ENV_IS_NOWHERE=y\n`, "CONFIG_ENV_IS_NOWHERE=y must be n"],
    // The Raspberry Pi has this by default, and U-Boot would ask it first.
    [`${all}CONFIG_ENV_IS_IN_FAT=y\n`, "CONFIG_ENV_IS_IN_FAT=y must be n"],
    ["", "CONFIG_ENV_IS_IN_MMC=n", "CONFIG_BOOTCOUNT_LIMIT=n"],
  ] as const) {
    const said = await check(lines);
    expect(said).toContain("YOCTO_UBOOT_CONFIG");
    for (const part of says) expect(said).toContain(part);
  }
  expect(await check(all, { SWITCHBACK_BOOTLOADER: "grub" })).toContain("YOCTO_VARIABLE: ");
});

test("the table of variables has each name once, and a sentence for each", () => {
  const names = VARIABLES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(VARIABLES.filter(({ meaning }) => meaning === "" || meaning.endsWith("."))).toEqual([]);
  const integrators =
    "ARTIFACT_NAME SERVER_URL BOOT_PART_SIZE_MB STORAGE_TOTAL_SIZE_MB STORAGE_DEVICE DATA_PART_SIZE_MB STATE_SCRIPTS_DIR " +
    "TENANT_TOKEN FEATURES_ENABLE FEATURES_DISABLE ROOTFS_PART_A ROOTFS_PART_B UBOOT_AUTO_CONFIGURE PARTITION_ALIGNMENT " +
    "UBOOT_STORAGE_DEVICE UBOOT_STORAGE_INTERFACE BOOT_PART DATA_PART IMAGE_BOOTLOADER_FILE " +
    "IMAGE_BOOTLOADER_BOOTSECTOR_OFFSET UPDATE_POLL_INTERVAL_SECONDS UBOOT_ENV_STORAGE_DEVICE_OFFSET " +
    "UBOOT_ENV_STORAGE_DEVICE_OFFSET_1 UBOOT_ENV_STORAGE_DEVICE_OFFSET_2 RESERVED_SPACE_BOOTLOADER_DATA " +
    "DEVICE_TYPES_COMPATIBLE DEVICE_TYPE";
  const wanted = integrators.split(" ").map((name) => `MENDER_${name}`);
  expect([...wanted, "ARTIFACTIMG_FSTYPE"].filter((name) => !names.includes(name))).toEqual([]);
});
