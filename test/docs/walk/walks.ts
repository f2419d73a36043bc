import { cpSync } from "node:fs";
import type { Device } from "../../cli/examples/device.ts";
import { insertDisk, powerCycle, rootfsFolder, uBootNetwork } from "./uboot-machine.ts";
import type { Walk } from "./walk.ts";

/** The reader has cloned the repository and built it. */
async function checkout(device: Device): Promise<void> {
  const shipped = ["identity", "state-scripts", "systemd", "update-modules"];
  for (const name of ["image/boards", "qemu/boards", ...shipped])
    cpSync(name, device.path(name), { recursive: true, verbatimSymlinks: true });
  await device.run(`cp -r /opt/switchback dist; cp -r ${shipped.join(" ")} dist`);
}

async function boardsToBringUp(device: Device): Promise<void> {
  await checkout(device);
  uBootNetwork(device);
  rootfsFolder(device);
}

/** How each guide is followed, by its file name. */
export const WALKS: Readonly<Record<string, Walk>> = {
  "five-minutes.md": {
    at: "desk",
    given: checkout,
  },
  "sign-and-rotate-keys.md": {
    at: "desk",
    given: boardsToBringUp,
    after: ["docs/guides/board-setup.md", "switchback image inspect disk.img"],
    blocks: {
      "ssh root@device-1 switchback doctor | grep pem": {
        given: (device) => {
          for (const name of ["device-1", "device-2"]) insertDisk(device, name, "disk.img");
          // The devices restart at once.
          device.put("/opt/bin/sleep", "#!/bin/sh\n", 0o755);
        },
      },
    },
  },
  "troubleshooting.md": {
    at: "device",
    given: (device) => {
      for (const name of ["device_type", "switchback-store"]) device.remove(`/board/data/${name}`);
    },
    // The data partition of a virtual board is its folder, for the doctor.
    enter: "export MENDER_DATASTORE_DIR=/board/data",
    blocks: {
      "switchback install other-board.mender": {
        around: (block) => `truncate -s 32M image
          switchback artifact write rootfs-image -t other-board -n other-2 -f image -o other-board.mender >/dev/null
          ${block}`,
      },
    },
  },
  "security.md": {
    at: "device",
    given: async (device) => {
      device.remove("/board/data/switchback-store");
      device.put("/board/data/device_type", "device_type=my-board\n");
      device.put("/board/etc/artifact_info", "artifact_name=release-1\n");
      await device.run("switchback board image rootfs.ext4 --version v2 --size 128K");
    },
    enter: "export MENDER_DATASTORE_DIR=/board/data",
  },
  "state-scripts.md": { at: "desk", given: checkout },
  "board-setup.md": {
    at: "desk",
    given: boardsToBringUp,
    blocks: {
      "ssh root@device fw_printenv mender_boot_part upgrade_available bootlimit": {
        given: (device) => insertDisk(device, "device", "/dev/sdX"),
      },
      "ssh root@device cat /etc/my-version #3": { given: (device) => powerCycle(device, "device") },
    },
  },
};
