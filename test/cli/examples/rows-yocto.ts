import { expect } from "vitest";
import type { Device } from "./device.ts";
import type { Row, Situation } from "./row.ts";

const BUILD = {
  MACHINE: "my-board",
  MENDER_ARTIFACT_NAME: "release-2",
  MENDER_STORAGE_TOTAL_SIZE_MB: "112",
  MENDER_DATA_PART_SIZE_MB: "16",
};
/** What U-Boot's build leaves, if it has the fragment of the layer. */
const CONFIG = `CONFIG_ENV_IS_IN_MMC=y
CONFIG_ENV_OFFSET=0x800000
CONFIG_ENV_OFFSET_REDUND=0x1000000
CONFIG_ENV_SIZE=0x20000
CONFIG_SYS_REDUNDAND_ENVIRONMENT=y
CONFIG_SYS_MMC_ENV_DEV=0
CONFIG_BOOTCOUNT_LIMIT=y
CONFIG_BOOTCOUNT_ENV=y
`;

function build(device: Device): void {
  device.put("build.json", JSON.stringify(BUILD));
  device.put("rootfs.ext4", Buffer.alloc(64 * 1024, "image"));
  device.put("u-boot-initial-env", "bootdelay=0\n");
  device.put(".config", CONFIG);
  device.put("data/app/settings", "a=1\n");
  device.put("app.tar", "app\n");
  device.put("scripts/ArtifactCommit_Enter_10_check", "#!/bin/sh\n", 0o755);
  device.put("scripts/Idle_Enter_10_check", "#!/bin/sh\n", 0o755);
}

const noBuild: Situation = { at: "desk", exit: 1, says: ["YOCTO_VARIABLES_FILE", "build.json"] };

/** @param files that the line makes */
const row = (line: string, says: string, files: readonly string[] = [], otherwise: Row["otherwise"] = {}): Row => ({
  example: `switchback yocto ${line}`,
  fits: {
    at: "desk",
    given: build,
    says: [says],
    promised: (device) => {
      for (const file of files) expect(device.has(file), file).toBe(true);
    },
  },
  otherwise: { "no variables": noBuild, ...otherwise },
});

/** The situation with a change of a variable. */
const withVariable = (name: string, value: string, code: string): Situation => ({
  at: "desk",
  given: (device) => {
    build(device);
    device.put("build.json", JSON.stringify({ ...BUILD, [name]: value }));
  },
  exit: 1,
  says: [code, name],
});

export const YOCTO_ROWS: readonly Row[] = [
  row("check --variables build.json", "WARNING: MENDER_STORAGE_TOTAL_SIZE_MB: a slot has only 24 MB", [], {
    "a medium that is too small": withVariable("MENDER_STORAGE_TOTAL_SIZE_MB", "64", "YOCTO_SPACE"),
  }),
  row("slot-size --variables build.json", "24576"),
  row("board --variables build.json --kind gptimg", '"label": "gpt"'),
  row("configuration --variables build.json --output configuration", "written to configuration", [
    "configuration/rootfs/etc/mender/mender.conf",
    "configuration/data/mender/device_type",
  ]),
  row("environment --variables build.json --environment u-boot-initial-env --output boot", "3 files written to boot", [
    "boot/u-boot-env.txt",
    "boot/fw_env.config",
  ]),
  row("check-u-boot --variables build.json --config .config", ".config agrees with the layout of the disk.", [], {
    "another place of the environment": {
      ...withVariable("MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET", "0x400000", "YOCTO_UBOOT_CONFIG"),
      says: ["YOCTO_UBOOT_CONFIG", "CONFIG_ENV_OFFSET=0x800000 must be 0x400000"],
    },
  }),
  row(
    "state-scripts --variables build.json --from scripts --artifact-scripts artifact --rootfs-scripts rootfs",
    "1 scripts for the Artifact, 1 for the root filesystem",
    ["artifact/ArtifactCommit_Enter_10_check", "rootfs/Idle_Enter_10_check"],
  ),
  row(
    "disk --variables build.json --kind sdimg --rootfs rootfs.ext4 --output disk.img",
    "Image written to disk.img (117440512 bytes)",
    ["disk.img"],
    { "a medium that is too small": withVariable("MENDER_STORAGE_TOTAL_SIZE_MB", "64", "YOCTO_SPACE") },
  ),
  row("data-image --variables build.json --data-content data --output data.ext4", "Image written to data.ext4", [
    "data.ext4",
  ]),
  row(
    "artifact --variables build.json --rootfs rootfs.ext4 --output release-2.mender",
    "Artifact release-2 written to release-2.mender",
    ["release-2.mender"],
    { "a key that is not there": withVariable("MENDER_ARTIFACT_SIGNING_KEY", "/key.pem", "KEY_UNREADABLE") },
  ),
  row(
    "module-artifact --variables build.json --type my-module --files app.tar --output app.mender",
    "Artifact release-2 written to app.mender",
    ["app.mender"],
  ),
  row("bootstrap-artifact --variables build.json --output bootstrap.mender", "Artifact release-2 written", [
    "bootstrap.mender",
  ]),
];
