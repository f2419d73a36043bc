import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { COUNTING } from "../cli/counting-firmware.ts";
import type { Device } from "../cli/examples/device.ts";
import { disk } from "../cli/examples/disk.ts";
import { manage } from "../cli/examples/lab.ts";
import type { Row } from "../cli/examples/row.ts";
import { SSH } from "../cli/examples/rows-tools.ts";
import { CHECKOUT, INSTALL_ROWS, settings } from "./install-rows.ts";
import { KEY_ROWS } from "./key-rows.ts";

const moduleFile = (device: Device): void => {
  device.put("update-modules/single-file", readFileSync("update-modules/single-file"), 0o755);
  device.put("app.conf", "port=80\n");
  device.put("dest_dir", "/etc/app\n");
  device.put("filename", "app.conf\n");
  device.put("permissions", "644\n");
};
/** Makes the script that of the device, which has no network device then. */
const withIdentity = (script: string): string =>
  `cat >identity <<'END'\n${script}END
  install -D -m 755 identity /usr/share/mender/identity/mender-device-identity; mount -t tmpfs none /sys/class/net`;

const firstLine = (lines: string): string => lines.trim().split("\n")[0] ?? "";

/** Blocks of shell of the pages, by the line with which they begin. */
export const PAGE_ROWS: readonly Row[] = [
  {
    example: "fw_printenv mender_boot_part upgrade_available",
    fits: {
      at: "desk",
      given: (device) => {
        device.put("/vars", "mender_boot_part=2\nupgrade_available=0\n");
        device.put("/etc/fw_env.config", "/env 0x0 0x4000\n");
      },
      around: (line) => `mkenvimage -s 0x4000 -o /env /vars; ${line}`,
      says: ["mender_boot_part=2", "upgrade_available=0"],
    },
    otherwise: {
      "no fw_env.config": {
        at: "desk",
        around: (line) => `rm -f /etc/fw_env.config; ${line}`,
        exit: 247,
        says: ["Configuration file"],
        changes: ["*"],
      },
    },
  },
  {
    example: "grub-editenv /boot/efi/grub-mender-grubenv/mender_grubenv1/env list",
    fits: {
      at: "desk",
      around: (line) => `env=/boot/efi/grub-mender-grubenv/mender_grubenv1/env
        mkdir -p "\${env%/*}"; grub-editenv "$env" create; grub-editenv "$env" set mender_boot_part=2; ${line}`,
      says: ["mender_boot_part=2"],
    },
    otherwise: { "another boot loader": { at: "desk", exit: 1, says: ["No such file"] } },
  },
  {
    example:
      "switchback install --reboot-exit-code https://example.com/release-2.mender || { [ $? -eq 4 ] && reboot; }",
    fits: { at: "device", says: ["Slot B is up, v2.", "Committed."] },
    otherwise: {
      "a server without it": {
        at: "device",
        given: (_device, { server }) => server.answer("/release-2.mender"),
        exit: 2,
        says: ["404", "No update in progress."],
      },
    },
  },
  {
    example: "ssh root@device switchback snapshot dump -C gzip | gunzip > release-1.img",
    fits: {
      at: "desk",
      given: (device) => {
        disk("mmcblk0p2")(device);
        device.put("/opt/bin/ssh", SSH, 0o755);
      },
      promised: (device) => expect(device.has("release-1.mender")).toBe(true),
    },
    otherwise: {
      "a device that cannot be reached": {
        at: "desk",
        given: (device) => device.put("/opt/bin/ssh", "#!/bin/sh\nexit 255\n", 0o755),
        exit: 1,
        says: ["release-1.img"],
        changes: ["/desk/release-1.img"],
      },
    },
  },
  {
    example: "switchback artifact write rootfs-image -f ssh://root@device -t my-board -n release-1 -o release-1.mender",
    fits: {
      at: "desk",
      given: (device) => {
        disk("mmcblk0p2")(device);
        device.put("/opt/bin/ssh", SSH.replace("shift\n", 'for last; do :; done; set -- /bin/sh -c "$last"\n'), 0o755);
      },
      says: ["Artifact release-1 written to release-1.mender"],
      changes: ["/desk/release-1.mender"],
    },
    otherwise: {
      "a device that cannot be reached": {
        at: "desk",
        given: (device) => device.put("/opt/bin/ssh", "#!/bin/sh\nexit 255\n", 0o755),
        exit: 1,
        says: ["SNAPSHOT_FAILED", "exit=255"],
      },
    },
  },
  {
    example:
      'switchback setup --quiet --device-type my-board --server-url https://ota.example.com --tenant-token "$TOKEN" --rootfs-part-a /dev/mmcblk0p2 --rootfs-part-b /dev/mmcblk0p3',
    fits: {
      at: "desk",
      around: (line) => `TOKEN=mine; ${line}`,
      promised: (device) => {
        expect(settings(device, "/etc/mender/mender.conf")).toEqual({
          ServerURL: "https://ota.example.com",
          TenantToken: "mine",
        });
        expect(settings(device, "/var/lib/mender/mender.conf")).toMatchObject({ RootfsPartB: "/dev/mmcblk0p3" });
      },
    },
    twice: { around: (line) => `TOKEN=mine; ${line}` },
    otherwise: {},
  },
  {
    example: "docs/guides/managed.md: script",
    fits: {
      at: "device",
      given: manage,
      around: (script) => `${withIdentity(script)}
        mkdir /sys/class/net/eth0; echo 00:11 >/sys/class/net/eth0/address; switchback bootstrap`,
      promised: (_device, _ended, { server }) => {
        const [request] = server.of("auth");
        expect(JSON.parse(JSON.parse(request?.body.toString() ?? "{}").id_data)).toEqual({ mac: "00:11" });
      },
    },
    otherwise: {
      "no eth0": {
        at: "device",
        given: manage,
        around: (script) => `${withIdentity(script)}\nswitchback bootstrap`,
        exit: 1,
        says: ["IDENTITY_FAILED"],
        changes: ["*"],
        promised: (_device, _ended, { server }) => expect(server.conversation).toEqual([]),
      },
    },
  },
  {
    example: "switchback board create demo && switchback board boot demo",
    fits: {
      at: "desk",
      given: moduleFile,
      says: ["Committed."],
    },
    otherwise: {},
  },
  {
    example: "docs/guides/update-modules.md: script",
    fits: "test/cli/adapter/update-module.tools.test.ts · the update module of the guide passes the check",
    otherwise: {},
  },
  {
    example: "switchback adapter check --kind payload ./my-module",
    fits: "test/cli/adapter/update-module.tools.test.ts · the update module of the guide passes the check",
    otherwise: { "no such module": { at: "desk", exit: 1, says: ["./my-module"] } },
  },
  {
    example: "switchback board create my-board --firmware ./my-firmware.sh",
    fits: {
      at: "desk",
      given: (device) => device.put("my-firmware.sh", COUNTING, 0o755),
      says: ["Slot A is up, v1."],
    },
    otherwise: {
      "no such firmware": { at: "desk", exit: 1, says: ["BOARD_FIRMWARE", "BOARD_MISSING"] },
    },
  },
  {
    example: "docs/porting.md: script",
    fits: "test/cli/adapter/program.tools.test.ts · the adapter of the porting page passes the check",
    otherwise: {},
  },
  {
    example: "switchback adapter check ./toy.sh",
    fits: "test/cli/adapter/program.tools.test.ts · the adapter of the porting page passes the check",
    otherwise: { "no such adapter": { at: "desk", exit: 1, says: ["./toy.sh"] } },
  },
  {
    example: "switchback adapter new device my-flash --language sh    # or js",
    fits: { at: "desk", exit: 1, says: ["my-flash.sh is written", "missing=size, write, read"] },
    otherwise: {},
  },
  {
    example: "switchback adapter new payload mcu-firmware",
    fits: { at: "desk", exit: 1, says: ["mcu-firmware.mjs is written", "missing=", "v3/mcu-firmware"] },
    otherwise: {},
  },
  {
    example: "install -D -m 755 identity/mender-device-identity /usr/share/mender/identity/mender-device-identity",
    fits: {
      at: "desk",
      given: (device) => device.put("identity/mender-device-identity", readFileSync("identity/mender-device-identity")),
      changes: ["/usr/share/mender/identity/mender-device-identity"],
    },
    otherwise: { "not in the checkout": { at: "desk", exit: 1, says: ["No such file"] } },
  },
  {
    example: "mkdir -p rootfs/usr/lib/switchback rootfs/usr/bin rootfs/usr/share/mender/modules/v3 rootfs/etc/mender",
    fits: {
      at: "desk",
      around: (line) => `${CHECKOUT} ${line}\nrootfs/usr/bin/switchback --version`,
      promised: (device) => expect(device.has("rootfs/usr/lib/switchback/chunks")).toBe(true),
    },
    otherwise: { "not built": { at: "desk", exit: 0, says: ["dist/switchback.mjs"], changes: ["*"] } },
  },
  {
    example: "for name in mender mender-update mender-auth mender-setup mender-snapshot mender-artifact; do",
    fits: { at: "desk", around: (line) => `mkdir -p rootfs/usr/bin; ${line}` },
    twice: { exit: 1, says: ["File exists"] },
    otherwise: {},
  },
  {
    example: "mkdir -p rootfs/data rootfs/var/lib",
    fits: {
      at: "desk",
      promised: (device) => expect(device.files().get("/desk/rootfs/var/lib/mender")).toBe("/data/mender"),
    },
    twice: {},
    otherwise: {},
  },
  {
    // One page then asks the doctor. The test that follows that page compares the answer.
    example: "echo device_type=my-board >/var/lib/mender/device_type",
    fits: {
      at: "desk",
      around: firstLine,
      changes: ["/var/lib/mender/device_type"],
    },
    twice: { around: firstLine },
    otherwise: {
      "a data partition that is not mounted": {
        at: "desk",
        around: (lines) => `rm -rf /var/lib/mender /data; ln -s /data/mender /var/lib/mender; ${firstLine(lines)}`,
        exit: 2,
        changes: ["*"],
      },
    },
  },
  {
    example: "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out private.pem",
    fits: { at: "desk", changes: ["/desk/artifact-verify-key.pem", "/desk/private.pem"] },
    otherwise: {},
  },
  ...KEY_ROWS,
  ...INSTALL_ROWS,
];
