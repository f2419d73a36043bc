import { expect } from "vitest";
import { toyModule } from "../adapter/toy.ts";
import { COUNTING, FOR_COUNTING } from "../counting-firmware.ts";
import type { Device } from "./device.ts";

import { disk } from "./disk.ts";
import { asService, type Row } from "./row.ts";

const desk = (name: string): string => `/desk/${name}`;
const NEW = "switchback adapter new";

/** The board of the examples, with small slots that are quick to create. */
const CREATE = "switchback board create demo-board --slot-size 1M >/dev/null && ";
const ON = `${CREATE}switchback board boot demo-board >/dev/null && `;

/** The device at the other end of the line: its root filesystem is /dev/mmcblk0p2. */
export const SSH = `#!/bin/sh
shift
mkdir /device
mount /dev/mmcblk0p2 /device
for name in usr bin sbin lib lib64 opt proc sys dev; do
  if [ -d /$name ]; then mkdir -p /device/$name; mount --rbind /$name /device/$name; fi
done
exec chroot /device "$@"
`;

const scripts = (folder: string) => (device: Device) => {
  device.put(`${folder}/version`, "3");
  device.put(`${folder}/Idle_Enter_10_look`, "#!/bin/sh\n", 0o755);
};

const IMAGE_EXAMPLES =
  "test/cli/image/create.tools.test.ts · the examples of the help text create images that bmaptool and sfdisk accept";

/** Examples of the tools: adapters, virtual boards, state scripts, images. */
export const TOOL_ROWS: readonly Row[] = [
  ...[
    "switchback image create board.yaml --rootfs rootfs.tar --output disk.img",
    "switchback image create board.yaml --rootfs rootfs.tar.zst --artifact-name release-1 --bmap -o disk.img.xz",
    "fakeroot switchback image create board.yaml --rootfs rootfs/ --output disk.img",
  ].map((example) => ({ example, fits: IMAGE_EXAMPLES, otherwise: {} })),
  {
    example: "switchback adapter new bootloader my-board --language sh",
    fits: { at: "desk", changes: [desk("my-board.sh")] },
    twice: { exit: 1, says: ["my-board.sh"] },
    otherwise: {},
  },
  {
    example: "switchback adapter new bootloader my-board",
    fits: { at: "desk", changes: [desk("my-board.mjs")] },
    twice: { exit: 1, says: ["my-board.mjs"] },
    otherwise: {},
  },
  {
    example: "switchback adapter new device my-flash --language sh",
    fits: { at: "desk", changes: [desk("my-flash.sh")] },
    twice: { exit: 1, says: ["my-flash.sh"] },
    otherwise: {},
  },
  {
    example: "switchback adapter check ./my-board.sh",
    fits: "test/cli/adapter/program.tools.test.ts · the adapter of the porting page passes the check",
    otherwise: {
      "no such adapter": { at: "desk", exit: 1, says: ["my-board.sh"] },
      "a skeleton that is not filled in": {
        at: "desk",
        around: (line) => `${NEW} bootloader my-board --language sh >/dev/null; ${line}`,
        exit: 1,
        says: ["ADAPTER_INVALID", "missing=booted, plan, arm, confirm, revert"],
        changes: [desk("my-board.sh")],
      },
    },
  },
  {
    example: "switchback adapter check ./my-board.mjs",
    fits: {
      at: "desk",
      given: (device) => device.put("my-board.mjs", toyModule()),
      changes: [],
      says: [" 0 broken."],
    },
    otherwise: {
      "a module that is no adapter": {
        at: "desk",
        given: (device) => device.put("my-board.mjs", "export const adapter = {};\n"),
        exit: 1,
        says: ["my-board.mjs"],
      },
    },
  },
  {
    example: "switchback adapter check --kind device ./my-flash.sh",
    fits: "test/cli/adapter/device-program.tools.test.ts · a shell skeleton for slots passes the check once its three functions are filled in",
    otherwise: { "no such adapter": { at: "desk", exit: 1, says: ["my-flash.sh"] } },
  },
  {
    example: "switchback board create demo-board",
    fits: { at: "desk", promised: (device) => expect(device.has("demo-board/etc/mender.conf")).toBe(true) },
    twice: { exit: 1, says: ["BOARD_EXISTS"] },
    otherwise: {},
  },
  {
    example: "switchback board create demo-board --slot-size 32M",
    fits: { at: "desk", promised: (device) => expect(device.has("demo-board/slots/rootfs3")).toBe(true) },
    twice: { exit: 1, says: ["BOARD_EXISTS"] },
    otherwise: {},
  },
  {
    example: "switchback board create my-board --firmware ./my-firmware.sh",
    fits: {
      at: "desk",
      given: (device) => device.put("my-firmware.sh", COUNTING, 0o755),
      around: (line) => `${line} && switchback board boot my-board`,
      says: ["The firmware /desk/my-firmware.sh answers: slot A.", "Slot A is up, v1."],
    },
    twice: { exit: 1, says: ["BOARD_EXISTS"] },
    otherwise: { "no such firmware": { at: "desk", exit: 1, says: ["BOARD_FIRMWARE", "my-firmware.sh"] } },
  },
  {
    example: "switchback board boot demo-board",
    fits: { at: "desk", around: (line) => `${CREATE}${line}`, says: ["Slot A is up, v1."] },
    otherwise: { "no such board": { at: "desk", exit: 1, says: ["BOARD_MISSING"] } },
  },
  {
    example: "switchback board status demo-board",
    fits: { at: "desk", around: (line) => `${CREATE}${line}`, says: ["Nothing runs."] },
    otherwise: { "no such board": { at: "desk", exit: 1, says: ["BOARD_MISSING"] } },
  },
  {
    example: "switchback board image v2.img --version v2",
    fits: { at: "desk", changes: [desk("v2.img")] },
    otherwise: {
      "a folder that cannot be written": {
        at: "desk",
        around: (line) => `mount -t tmpfs -o ro none /mnt; cd /mnt; ${line}`,
        exit: 1,
        says: ["OUTPUT_FAILED", "v2.img"],
      },
    },
  },
  {
    example: "switchback board image v2.img --version v2 --size 16M",
    fits: { at: "desk", changes: [desk("v2.img")] },
    otherwise: {
      "a full disk": {
        at: "desk",
        around: (line) => `mount -t tmpfs -o size=1M none /mnt; cd /mnt; ${line}; status=$?; ls; exit $status`,
        exit: 1,
        says: ["OUTPUT_FAILED", "v2.img"],
        promised: (_device, { out }) => expect(out).toBe(""),
      },
    },
  },
  {
    example: "switchback -c demo-board/etc/mender.conf -d demo-board/data install v2.mender",
    fits: {
      at: "desk",
      given: (device, { release }) => device.put("v2.mender", release),
      around: (line) => `${ON}${line}`,
      promised: (device) => expect(device.text("demo-board/boot/env")).toContain("upgrade_available=1"),
    },
    otherwise: {
      "a board that is off": {
        at: "desk",
        given: (device, { release }) => device.put("v2.mender", release),
        around: (line) => `${CREATE}${line}`,
        exit: 1,
        says: ["BOARD_OFF"],
        promised: (device) => expect(device.text("demo-board/boot/env")).toContain("upgrade_available=0"),
        changes: ["*"],
      },
    },
  },
  {
    example: "switchback -c demo-board/etc/mender.conf -d demo-board/data daemon",
    fits: { at: "desk", around: (line) => `${ON}{ ${asService("ServerURL")(line)}; }`, says: ["ServerURL"] },
    otherwise: { "no such board": { at: "desk", exit: 78, says: ["demo-board/etc/mender.conf"] } },
  },
  {
    example: "switchback -c board/etc/mender.conf -d board/data doctor",
    fits: {
      at: "desk",
      around: (line) => `switchback board create board --slot-size 1M; switchback board boot board; ${line}`,
      says: ["0 wrong"],
    },
    otherwise: {
      "a board that is off": {
        at: "desk",
        around: (line) => `switchback board create board --slot-size 1M; ${line}`,
        exit: 1,
        says: ["board boot"],
        changes: ["*"],
      },
    },
  },
  {
    example: "switchback state-scripts check /etc/mender/scripts --for rootfs",
    fits: { at: "desk", given: scripts("/etc/mender/scripts"), changes: [], says: ["Idle_Enter_10_look"] },
    otherwise: {
      "a script that does not run": {
        at: "desk",
        given: (device) => {
          scripts("/etc/mender/scripts")(device);
          device.put("/etc/mender/scripts/Idle_Enter_10_look", "#!/bin/sh\n", 0o644);
        },
        exit: 1,
        says: ["Idle_Enter_10_look"],
      },
      "no such folder": { at: "desk", exit: 1, says: ["/etc/mender/scripts"] },
    },
  },
  {
    example: "switchback state-scripts check image/etc/mender/scripts --for rootfs --root image",
    fits: {
      at: "desk",
      given: (device) => {
        scripts("image/etc/mender/scripts")(device);
        device.put("image/bin/sh", "", 0o755);
      },
      changes: [],
    },
    otherwise: {
      "an image without a shell": {
        at: "desk",
        given: scripts("image/etc/mender/scripts"),
        exit: 1,
        says: ["/bin/sh"],
      },
    },
  },
  {
    example: "switchback snapshot dump --source /dev/mmcblk0p2 > /mnt/usb/release.img",
    fits: {
      at: "desk",
      given: disk("mmcblk0p2"),
      around: (line) => `mkdir -p /mnt/usb; ${line}`,
      promised: (device) => expect(device.sizeBytes("/mnt/usb/release.img")).toBe(device.sizeBytes("/disk")),
    },
    otherwise: {
      "no such device": {
        at: "desk",
        around: (line) => `mkdir -p /mnt/usb; ${line}`,
        exit: 1,
        changes: ["/mnt/usb/release.img"],
      },
    },
  },
  {
    example: "switchback adapter check ./my-board.sh --firmware ./my-firmware.sh --json",
    fits: "test/cli/adapter/program.tools.test.ts · is played by the board's own program",
    otherwise: {
      "no such firmware": {
        at: "desk",
        given: (device) => device.put("my-board.sh", FOR_COUNTING, 0o755),
        exit: 1,
        says: ["CLI_USAGE", "my-firmware.sh"],
      },
    },
  },
  {
    example: "ssh root@device switchback snapshot dump -C gzip | gunzip > release.img",
    fits: {
      at: "desk",
      given: (device) => {
        disk("mmcblk0p2")(device);
        device.put("/opt/bin/ssh", SSH, 0o755);
      },
      promised: (device) => expect(device.sizeBytes("release.img")).toBe(device.sizeBytes("/disk")),
    },
    otherwise: {
      "a device without a block device below /": {
        at: "desk",
        given: (device) => device.put("/opt/bin/ssh", '#!/bin/sh\nshift\nexec "$@"\n', 0o755),
        exit: 1,
        says: ["DUMP_SOURCE"],
        changes: [desk("release.img")],
      },
    },
  },
];
