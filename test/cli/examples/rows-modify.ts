import { expect } from "vitest";
import type { Device } from "./device.ts";
import type { Lab } from "./lab.ts";
import type { Row } from "./row.ts";
import { desk, keys, noFile, release } from "./rows-artifact.ts";

const SCRIPT = "ArtifactCommit_Enter_10_check";

function releaseAndKey(device: Device, lab: Lab): void {
  release(device, lab);
  keys(device, "private.pem", "public.pem");
}

/** Examples of the commands that change Artifacts, and take them apart. */
export const MODIFY_ROWS: readonly Row[] = [
  {
    example: "switchback artifact modify -n release-3 -k private.pem release-2.mender",
    fits: {
      at: "desk",
      given: releaseAndKey,
      changes: [desk("release-2.mender")],
      promised: async (device) => {
        const { out } = await device.run("switchback artifact read -k public.pem release-2.mender");
        expect(out).toContain("Name: release-3");
        expect(out).toContain("signed and verified correctly");
      },
    },
    otherwise: {
      "no such Artifact": { ...noFile(1, "release-2.mender"), given: (device) => keys(device, "private.pem", "p.pem") },
      "no such key": { at: "desk", given: release, exit: 1, says: ["private.pem"] },
    },
  },
  {
    example: `switchback artifact modify -s ${SCRIPT} -o release-2-checked.mender release-2.mender`,
    fits: {
      at: "desk",
      given: (device, lab) => {
        release(device, lab);
        device.put(SCRIPT, "#!/bin/sh\n", 0o755);
      },
      changes: [desk("release-2-checked.mender")],
    },
    otherwise: { "no such script": { at: "desk", given: release, exit: 1, says: ["SCRIPT_UNREADABLE", SCRIPT] } },
  },
  {
    example: "switchback artifact modify --server-uri https://ota.example.com --server-cert server.crt rootfs.ext4",
    fits: {
      at: "desk",
      given: (device) => device.put("server.crt", "certificate\n"),
      around: (line) =>
        `mkdir -p /tmp/tree/etc/mender; echo '{}' >/tmp/tree/etc/mender/mender.conf
        truncate -s 1M rootfs.ext4; mkfs.ext4 -q -O ^has_journal -d /tmp/tree rootfs.ext4; ${line}
        debugfs -R 'cat /etc/mender/mender.conf' rootfs.ext4`,
      changes: [desk("rootfs.ext4")],
      says: ["https://ota.example.com"],
    },
    otherwise: {
      "no such image": {
        ...noFile(1, "rootfs.ext4"),
        given: (device) => device.put("server.crt", "certificate\n"),
      },
    },
  },
  {
    example: "switchback artifact dump --files files --scripts scripts --meta-data meta-data release-2.mender",
    fits: { at: "desk", given: release, changes: [desk("files/image")] },
    twice: { exit: 1, says: ["OUTPUT_FAILED", "EEXIST"] },
    otherwise: { "no such Artifact": noFile(1, "release-2.mender") },
  },
  {
    example: "switchback artifact dump --files files --print0-cmdline release-2.mender | xargs -0 switchback artifact",
    fits: { at: "desk", given: release, changes: [desk("artifact.mender"), desk("files/image")] },
    otherwise: {
      "several files of that name": {
        at: "desk",
        given: (device, lab) => {
          release(device, lab);
          device.put("files/image", "mine");
        },
        exit: 123,
        says: ["OUTPUT_FAILED"],
      },
    },
  },
];
