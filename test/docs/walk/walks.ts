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
