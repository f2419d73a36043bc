import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Device } from "./device.ts";
import type { Row, Situation } from "./row.ts";
import { desk, keys } from "./rows-artifact.ts";

const MIB = 1024 * 1024;

/** A small ext4 file system. */
function makeRootfs(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "switchback-rows-"));
  try {
    const tree = join(folder, "tree");
    for (const name of ["etc/mender", "usr/bin", "usr/share/doc/tool", "opt"])
      mkdirSync(join(tree, name), { recursive: true });
    writeFileSync(join(tree, "etc/hostname"), "board\n");
    writeFileSync(join(tree, "etc/mender/artifact_info"), "artifact_name=release-2\n");
    writeFileSync(join(tree, "usr/share/doc/tool/README"), "text\n");
    const image = join(folder, "image");
    writeFileSync(image, "");
    truncateSync(image, 2 * MIB);
    execFileSync("mke2fs", ["-q", "-t", "ext4", "-d", tree, image], { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
    return readFileSync(image);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const made: Buffer[] = [];
/** Made at the first use, because other files import these rows, too. */
const rootfs = (): Buffer => {
  made[0] ??= makeRootfs();
  return made[0];
};

const image = (device: Device): void => device.put("rootfs.ext4", rootfs());
const host = (device: Device): void => {
  image(device);
  device.put("hostname", "other\n");
  device.put("check.sh", "#!/bin/sh\n", 0o755);
  device.put("overlay/etc/added", "added\n");
  keys(device, "private.pem", "public.pem");
};
/** Makes `release-2.mender` first. */
const released = (line: string): string =>
  `switchback artifact write rootfs-image -t b -n release-2 -f rootfs.ext4 -o release-2.mender >/dev/null && ${line}`;
const RELEASE = desk("release-2.mender");

const says =
  (command: string, text: string) =>
  async (device: Device): Promise<void> =>
    expect((await device.run(command)).out).toContain(text);
const noImage = (name: string): Situation => ({
  at: "desk",
  given: (device) => device.put("hostname", ""),
  exit: 1,
  says: [name],
});

/** Examples of the commands that work on files in images. */
export const IMAGE_FILE_ROWS: readonly Row[] = [
  {
    example: "switchback artifact cat release-2.mender:/etc/mender/artifact_info",
    fits: { at: "desk", given: image, around: released, changes: [RELEASE], says: ["artifact_name=release-2"] },
    otherwise: { "no such image": noImage("release-2.mender") },
  },
  {
    example: "switchback artifact ls -l release-2.mender:/etc",
    fits: { at: "desk", given: image, around: released, changes: [RELEASE], says: [" hostname", " mender"] },
    otherwise: { "no such image": noImage("release-2.mender") },
  },
  {
    example: "switchback artifact ls --json rootfs.ext4:/etc | jq -r .entries[].name",
    fits: { at: "desk", given: image, says: ["hostname\nmender\n"] },
    otherwise: {},
  },
  {
    example: "switchback artifact cp hostname release-2.mender:/etc/hostname",
    fits: {
      ...{ at: "desk", given: host, around: released, changes: [RELEASE] },
      promised: says("switchback artifact cat release-2.mender:/etc/hostname", "other"),
    },
    otherwise: { "no such image": noImage("release-2.mender") },
  },
  {
    example: "switchback artifact cp -k private.pem hostname release-2.mender:/etc/hostname",
    fits: {
      ...{ at: "desk", given: host, around: released, changes: [RELEASE] },
      promised: says("switchback artifact validate -k public.pem release-2.mender", "validated successfully"),
    },
    otherwise: {
      "no such key": { at: "desk", given: (device) => device.put("hostname", ""), exit: 1, says: ["private.pem"] },
    },
  },
  {
    example: "switchback artifact cp overlay rootfs.ext4:/opt/overlay",
    fits: {
      ...{ at: "desk", given: host, changes: [desk("rootfs.ext4")] },
      promised: says("switchback artifact cat rootfs.ext4:/opt/overlay/etc/added", "added"),
    },
    otherwise: { "no such folder": { at: "desk", given: image, exit: 1, says: ["PAYLOAD_UNREADABLE", "overlay"] } },
  },
  {
    example: "switchback artifact cp release-2.mender:/etc/hostname hostname.old",
    fits: { at: "desk", given: image, around: released, changes: [desk("hostname.old"), RELEASE] },
    otherwise: { "no such image": noImage("release-2.mender") },
  },
  {
    example: "switchback artifact install -m 0755 check.sh release-2.mender:/usr/bin/check",
    fits: {
      ...{ at: "desk", given: host, around: released, changes: [RELEASE] },
      promised: says("switchback artifact ls -l release-2.mender:/usr/bin/check", "0755"),
    },
    otherwise: { "no such file": { at: "desk", given: image, exit: 1, says: ["PAYLOAD_UNREADABLE", "check.sh"] } },
  },
  {
    example: "switchback artifact install -d release-2.mender:/etc/check.d",
    fits: {
      ...{ at: "desk", given: image, around: released, changes: [RELEASE] },
      promised: says("switchback artifact ls release-2.mender:/etc", "check.d"),
    },
    otherwise: { "no such image": noImage("release-2.mender") },
  },
  {
    example: "switchback artifact rm -r rootfs.ext4:/usr/share/doc",
    fits: { at: "desk", given: image, changes: [desk("rootfs.ext4")] },
    otherwise: { "no such image": noImage("rootfs.ext4") },
  },
];
