import { generateKeyPairSync } from "node:crypto";
import { expect } from "vitest";
import { refusal } from "../../support/answers.ts";
import type { Device } from "./device.ts";
import { type Lab, manage } from "./lab.ts";
import { asService, besideDaemon, type Row, typing } from "./row.ts";

const noRelease = (device: Device): void => device.remove("release-2.mender");
const env = (device: Device): string => device.text("/board/boot/env");
const onTrial = (device: Device): void => {
  expect(env(device)).toContain("upgrade_available=1");
  expect(env(device)).toContain("mender_boot_part=3");
};
const runs = (device: Device, slot: number): void =>
  expect(device.text("/board/proc/cmdline")).toContain(`root=/board/slots/rootfs${slot}`);
const offered = (device: Device, lab: Lab): void => {
  manage(device);
  lab.deploy();
};
const refused = (device: Device, lab: Lab): void => {
  manage(device);
  lab.server.answer("auth", refusal(401));
};

/** A device key that needs the passphrase "secret". */
const encryptedKey = (): string =>
  generateKeyPairSync("ed25519")
    .privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" })
    .toString();

/** A device that has stored nothing yet. An overlay gives files other device numbers than folders, as if they were mounted. */
const fresh = (device: Device): void => device.remove("/board/data/switchback-store");
/** The data partition of a virtual board is its folder, for the doctor. */
const withData = (line: string): string => `export MENDER_DATASTORE_DIR=/board/data; ${line}`;

const ARMED = ["/board/boot/env", "/board/data/switchback-store", "/board/slots/rootfs3"];
const SETTINGS = ["/var/lib/mender/device_type", "/etc/mender/mender.conf"].sort();
const MANAGED = ["/board/data/mender-agent.pem", "/board/data/switchback-daemon.lock", "/board/data/switchback-server"];
/** The files of a device that has contacted a server for the first time. */
const KNOCKED = ["/board/data/mender-agent.pem", "/board/data/switchback-server"];
const settings = (device: Device): unknown => JSON.parse(device.text("/etc/mender/mender.conf"));

/** Examples of the commands that update a device. */
export const UPDATE_ROWS: readonly Row[] = [
  {
    example: "switchback install release-2.mender",
    fits: { at: "device", changes: ARMED, promised: onTrial },
    twice: { exit: 1, says: ["UPDATE_IN_PROGRESS"] },
    otherwise: {
      "a file that is not there": {
        at: "device",
        given: noRelease,
        exit: 1,
        says: ["SOURCE_OPEN", "release-2.mender"],
      },
      "a machine without slots": { at: "desk", exit: 1, given: (device) => device.put("release-2.mender", "") },
    },
  },
  {
    example:
      "switchback install --reboot-exit-code https://example.com/release-2.mender || { [ $? -eq 4 ] && reboot; }",
    fits: {
      at: "device",
      says: ["Slot B is up, v2."],
      promised: (device) => {
        expect(device.text("reboots")).toBe("reboot\n");
        runs(device, 3);
      },
    },
    twice: { exit: 1, says: ["UPDATE_IN_PROGRESS"] },
    otherwise: {
      "a server without it": {
        at: "device",
        given: (_device, { server }) => server.answer("/release-2.mender", refusal(404)),
        exit: 1,
        says: ["404"],
      },
    },
  },
  {
    example: "switchback install --json release-2.mender | jq -e .rebootRequired",
    fits: { at: "device", changes: ARMED, promised: (_device, { out }) => expect(out).toBe("true\n") },
    twice: { exit: 1, says: ["UPDATE_IN_PROGRESS"] },
    otherwise: { "a file that is not there": { at: "device", given: noRelease, exit: 1, says: ["SOURCE_OPEN"] } },
  },
  {
    example: "xzcat release-2.mender.xz | switchback install -",
    fits: {
      at: "device",
      around: (line) => `xz release-2.mender && ${line}`,
      promised: onTrial,
    },
    twice: { exit: 1, says: ["UPDATE_IN_PROGRESS"] },
    otherwise: {
      "a file that is not there": { at: "device", exit: 1, says: ["release-2.mender.xz: No such file", "ARTIFACT_"] },
    },
  },
  {
    example: "switchback commit",
    fits: {
      at: "trial",
      changes: ["/board/boot/env", "/board/data/switchback-store"],
      says: ["Committed."],
      promised: (device) => expect(env(device)).toContain("upgrade_available=0"),
    },
    twice: { exit: 2, says: ["No update in progress."] },
    otherwise: {
      "nothing to commit": { at: "device", exit: 2, says: ["No update in progress."] },
      "before the reboot": {
        at: "installed",
        exit: 1,
        says: ["BOOT_MISMATCH", "Rolled back."],
        changes: ["/board/boot/env", "/board/data/switchback-store"],
        promised: (device) => expect(env(device)).toContain("mender_boot_part=2"),
      },
    },
  },
  {
    example: "switchback rollback",
    fits: {
      at: "installed",
      says: ["Rolled back."],
      changes: ["/board/boot/env", "/board/data/switchback-store"],
      promised: (device) => expect(env(device)).toContain("mender_boot_part=2"),
    },
    twice: { exit: 2, says: ["No update in progress."] },
    otherwise: { "nothing to undo": { at: "device", exit: 2, says: ["No update in progress."] } },
  },
  {
    example: "switchback resume --stop-before ArtifactCommit_Enter",
    fits: { at: "trial", promised: onTrial },
    twice: {},
    otherwise: { "nothing was interrupted": { at: "device", exit: 2, says: ["No update in progress."] } },
  },
  {
    example: "switchback show-artifact",
    fits: { at: "device", changes: [], promised: (_device, { out }) => expect(out).toBe("v1\n") },
    otherwise: { "no device": { at: "desk", promised: (_device, { out }) => expect(out).toBe("unknown\n") } },
  },
  {
    example: "switchback show-provides | grep rootfs-image.version",
    fits: {
      at: "trial",
      around: (line) => `switchback commit && ${line}`,
      says: ["rootfs-image.version=release-1"],
    },
    otherwise: { "no image was installed": { at: "device", exit: 1 } },
  },
  {
    example: "switchback bootstrap",
    fits: {
      at: "device",
      given: manage,
      changes: MANAGED,
      promised: (device, _ended, { server }) => {
        expect(device.text("/board/data/mender-agent.pem")).toContain("PRIVATE KEY");
        expect(server.conversation).toContain("auth");
      },
    },
    twice: {},
    otherwise: {
      "no server": { at: "device", changes: ["/board/data/mender-agent.pem", "/board/data/switchback-daemon.lock"] },
      "a server that does not accept the device": {
        at: "device",
        given: refused,
        exit: 1,
        says: ["NOT_AUTHORIZED"],
        changes: ["/board/data/mender-agent.pem", "/board/data/switchback-daemon.lock"],
      },
    },
  },
  {
    example: "switchback bootstrap --passphrase-file /etc/mender/passphrase",
    fits: {
      at: "device",
      given: (device) => {
        manage(device);
        device.put("/board/etc/passphrase", "secret\n", 0o600);
        device.put("/board/data/mender-agent.pem", encryptedKey(), 0o600);
      },
      changes: MANAGED.slice(1),
      promised: (_device, _ended, { server }) => expect(server.conversation).toContain("auth"),
    },
    twice: {},
    otherwise: {
      "no such file": { at: "device", given: manage, exit: 1, says: ["/etc/mender/passphrase"] },
      "another passphrase": {
        at: "device",
        given: (device) => {
          manage(device);
          device.put("/board/etc/passphrase", "wrong\n", 0o600);
          device.put("/board/data/mender-agent.pem", encryptedKey(), 0o600);
        },
        exit: 1,
        says: ["DEVICE_KEY"],
      },
    },
  },
  {
    example: "switchback setup",
    fits: {
      at: "desk",
      around: typing(["Device type:", "my-board"], ["Address of the server:", "https://ota.example.com"]),
      changes: SETTINGS,
      promised: (device) => expect(settings(device)).toEqual({ ServerURL: "https://ota.example.com" }),
    },
    twice: {
      around: typing(["Device type \\[my-board\\]:", ""], ["Address of the server \\[https://ota.example.com\\]:", ""]),
    },
    otherwise: {
      "nobody to ask": { at: "desk", exit: 1, says: ["CLI_USAGE", "--device-type"] },
    },
  },
  {
    example:
      'switchback setup --quiet --device-type my-board --server-url https://ota.example.com --tenant-token "$TOKEN"',
    fits: {
      at: "desk",
      around: (line) => `TOKEN=mine; ${line}`,
      changes: SETTINGS,
      promised: (device) =>
        expect(settings(device)).toEqual({ ServerURL: "https://ota.example.com", TenantToken: "mine" }),
    },
    twice: { around: (line) => `TOKEN=mine; ${line}` },
    otherwise: {
      "a folder that cannot be written": {
        at: "desk",
        around: (line) => `mount -t tmpfs -o ro none /etc/mender; TOKEN=mine; ${line}`,
        exit: 1,
        says: ["SETUP_WRITE"],
      },
    },
  },
  {
    example: "switchback setup --device-type my-board --hosted-mender --username me@example.com",
    fits: {
      at: "desk",
      around: typing(["Password:", "secret"]),
      changes: SETTINGS,
      promised: (device) =>
        expect(settings(device)).toEqual({ ServerURL: "https://hosted.mender.io", TenantToken: "of-my-tenant" }),
    },
    otherwise: {
      "a wrong password": {
        at: "desk",
        given: (_device, { server }) => server.answer("/api/management/v1/useradm/auth/login", refusal(401)),
        around: typing(["Password:", "wrong"]),
        exit: 1,
      },
      "nobody to ask": { at: "desk", exit: 1, says: ["CLI_USAGE", "--password"] },
    },
  },
  {
    example:
      "switchback setup --quiet --device-type my-board --demo --server-ip 192.168.1.20 --server-cert /etc/mender/demo.crt",
    fits: {
      at: "desk",
      given: (device, { certificate }) => device.put("/etc/mender/demo.crt", certificate),
      changes: [...SETTINGS, "/etc/hosts"].sort(),
      promised: (device) => {
        expect(settings(device)).toMatchObject({ ServerURL: "https://docker.mender.io", UpdatePollIntervalSeconds: 5 });
        expect(device.text("/etc/hosts")).toContain("192.168.1.20");
      },
    },
    twice: {},
    otherwise: { "no certificate": { at: "desk", exit: 1, says: ["CLI_USAGE", "/etc/mender/demo.crt"] } },
  },
  {
    example:
      "switchback setup --quiet --device-type my-board --url https://ota.example.com --rootfs-part-a /dev/mmcblk0p2 --rootfs-part-b /dev/mmcblk0p3",
    fits: {
      at: "desk",
      changes: [...SETTINGS, "/var/lib/mender/mender.conf"].sort(),
      promised: (device) =>
        expect(JSON.parse(device.text("/var/lib/mender/mender.conf"))).toEqual({
          RootfsPartA: "/dev/mmcblk0p2",
          RootfsPartB: "/dev/mmcblk0p3",
        }),
    },
    twice: {},
    otherwise: {
      "a configuration that cannot be read": {
        at: "desk",
        given: (device) => device.put("/etc/mender/mender.conf", "{ oh"),
        exit: 1,
        says: ["CONFIG_"],
      },
    },
  },
  {
    example: "switchback daemon",
    fits: {
      at: "device",
      given: manage,
      around: asService("Sent the inventory"),
      changes: MANAGED,
      promised: (_device, _ended, { server }) => expect(server.conversation).toContain("inventory"),
    },
    otherwise: {
      "no server": { at: "device", around: asService("ServerURL"), says: ["ServerURL"], changes: MANAGED.slice(1, 2) },
      "a configuration that cannot be read": {
        at: "device",
        given: (device) => device.put("/board/etc/mender.conf", "{ oh"),
        exit: 78,
        says: ["CONFIG_"],
      },
      "a daemon that runs": {
        at: "device",
        given: manage,
        around: besideDaemon(),
        exit: 1,
        says: ["DAEMON_RUNNING"],
        changes: MANAGED,
      },
    },
  },
  {
    example: "switchback poll",
    fits: { at: "device", given: offered, exit: 4, promised: onTrial },
    otherwise: {
      "nothing to install": { at: "device", given: manage, changes: MANAGED },
      "no server": { at: "device", exit: 1, says: ["ServerURL"] },
    },
  },
  {
    example: "switchback poll --now",
    fits: { at: "device", given: offered, exit: 4, promised: onTrial },
    otherwise: { "no server": { at: "device", exit: 1, says: ["ServerURL"] } },
  },
  {
    example: "switchback poll --now || { [ $? -eq 4 ] && reboot; }",
    fits: { at: "device", given: offered, promised: (device) => runs(device, 3) },
    otherwise: {
      "nothing to install": {
        at: "device",
        given: manage,
        changes: MANAGED,
        promised: (device) => expect(device.has("reboots")).toBe(false),
      },
      "a server that does not accept the device": {
        at: "device",
        given: refused,
        exit: 1,
        says: ["NOT_AUTHORIZED"],
        changes: KNOCKED,
        promised: (device) => expect(device.has("reboots")).toBe(false),
      },
    },
  },
  ...["check-update", "send-inventory"].map(
    (name): Row => ({
      example: `switchback ${name}`,
      fits: {
        at: "device",
        given: (device) => {
          manage(device);
          device.put("/board/share/inventory/mender-inventory-x", "#!/bin/sh\n", 0o755);
        },
        around: besideDaemon(
          name === "check-update" ? "next" : "inventory",
          "echo echo disk=new >>/usr/share/mender/inventory/mender-inventory-x",
        ),
      },
      otherwise: { "no daemon": { at: "device", given: manage, exit: 1, says: ["DAEMON_MISSING"] } },
    }),
  ),
  {
    example: "switchback doctor",
    fits: { at: "device", given: fresh, around: withData, says: ["0 wrong: an update can be installed"] },
    otherwise: { "a machine without slots": { at: "desk", exit: 1, says: ["wrong    slots"] } },
  },
  {
    example: `switchback doctor --json | jq -r '.findings[] | select(.level == "wrong") | .advice'`,
    fits: { at: "desk", changes: [], says: ["Set RootfsPartA and RootfsPartB"] },
    otherwise: {
      "nothing is wrong": {
        at: "device",
        given: fresh,
        around: withData,
        promised: (_device, { out }) => expect(out).toBe(""),
      },
    },
  },
];
