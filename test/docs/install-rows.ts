import { expect } from "vitest";
import type { Device } from "../cli/examples/device.ts";
import { manage } from "../cli/examples/lab.ts";
import type { Row } from "../cli/examples/row.ts";

const files =
  (...names: readonly string[]) =>
  (device: Device): void => {
    for (const name of names) device.put(name, `${name}\n`);
  };
export const CHECKOUT = "cp -r /opt/switchback dist;";
/** The computer is its own device. */
const reachable = (device: Device): void => {
  device.put("/opt/bin/ssh", '#!/bin/sh\nshift\nexec sh -c "$*"\n', 0o755);
  device.put("/opt/bin/scp", `#!/bin/sh\nexec cp "$1" "\${2#*:}"\n`, 0o755);
};
export const settings = (device: Device, name: string): unknown => JSON.parse(device.text(name));

/** Blocks of shell that install the agent, and those that make and install Artifacts of modules. */
export const INSTALL_ROWS: readonly Row[] = [
  {
    example: "switchback bootstrap --forcebootstrap",
    fits: {
      at: "device",
      given: manage,
      around: (line) =>
        `switchback bootstrap; cp /var/lib/mender/mender-agent.pem old; ${line.trim()} && ! cmp -s old /var/lib/mender/mender-agent.pem`,
    },
    otherwise: {},
  },
  {
    example:
      "tar -C dist -c switchback.mjs chunks | ssh root@device 'mkdir -p /usr/lib/switchback && tar -C /usr/lib/switchback -x'",
    fits: {
      at: "desk",
      given: reachable,
      around: (lines) => `${CHECKOUT} ${lines}\n/usr/bin/switchback --version`,
      promised: (device) => expect(device.has("/usr/lib/switchback/chunks")).toBe(true),
    },
    otherwise: {
      "not built": { at: "desk", given: reachable, exit: 0, says: ["dist: Cannot open"], changes: ["*"] },
    },
  },
  {
    example:
      "ssh root@device switchback setup --quiet --device-type my-board --server-url https://ota.example.com --rootfs-part-a /dev/mmcblk0p2 --rootfs-part-b /dev/mmcblk0p3",
    fits: {
      at: "desk",
      given: reachable,
      // There is no such disk.
      exit: 1,
      says: ["my-board", "/dev/mmcblk0p2"],
      promised: (device) => {
        expect(settings(device, "/etc/mender/mender.conf")).toEqual({ ServerURL: "https://ota.example.com" });
        expect(settings(device, "/var/lib/mender/mender.conf")).toMatchObject({ RootfsPartA: "/dev/mmcblk0p2" });
      },
    },
    otherwise: {},
  },
  {
    example: "switchback artifact write rootfs-image -t my-board -n release-2 -f rootfs.ext4 -o release-2.mender",
    fits: {
      at: "device",
      given: (device) => {
        reachable(device);
        device.put("/board/data/device_type", "device_type=my-board\n");
      },
      around: (lines) =>
        `mkdir -p /data; switchback board image rootfs.ext4 --version v2 --size 128K; ${lines.trim()} && switchback commit`,
      says: ["Slot B is up, v2.", "Committed."],
    },
    otherwise: {},
  },
  {
    example: "printf '/etc/app\\n' >dest_dir",
    fits: {
      at: "desk",
      given: files("app.conf"),
      promised: (device) => expect(device.has("app-conf-2.mender")).toBe(true),
    },
    otherwise: { "no such file": { at: "desk", exit: 1, says: ["app.conf"], changes: ["*"] } },
  },
  {
    example: "tar -cf update.tar -C site .",
    fits: {
      at: "desk",
      given: files("site/index.html"),
      promised: (device) => expect(device.has("site-2.mender")).toBe(true),
    },
    otherwise: {},
  },
  {
    example:
      "switchback artifact write module-image -T script -t BOARD -n migrate-2 -o migrate-2.mender -f 10-migrate -f 10-migrate.rollback -f 20-restart",
    fits: {
      at: "desk",
      given: files("10-migrate", "10-migrate.rollback", "20-restart"),
      changes: ["/desk/migrate-2.mender"],
    },
    otherwise: { "no such file": { at: "desk", exit: 1, says: ["10-migrate"] } },
  },
  {
    example:
      "switchback artifact write module-image -T deb -t BOARD -n app-2 -o app-2.mender -f app_2_arm64.deb -f lib_1_arm64.deb",
    fits: { at: "desk", given: files("app_2_arm64.deb", "lib_1_arm64.deb"), changes: ["/desk/app-2.mender"] },
    otherwise: { "no such file": { at: "desk", exit: 1, says: ["app_2_arm64.deb"] } },
  },
];
