import { cpSync } from "node:fs";
import type { Device } from "../../cli/examples/device.ts";
import { disk } from "../../cli/examples/disk.ts";
import { SSH } from "../../cli/examples/rows-tools.ts";
import { type FixtureDisk, writeDisk } from "../../image/inspect/disk-fixture.ts";
import { COMMITTED } from "../../support/client-stores.ts";
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

const SIGNING_KEY = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out private.pem;";
/** A small root filesystem in the folder `tree`. */
const ROOTFS_TREE = `mkdir -p tree/etc/mender tree/usr/bin tree/usr/share/doc/tool tree/opt
  echo board >tree/etc/hostname; echo artifact_name=release-2 >tree/etc/mender/artifact_info
  echo '{}' >tree/etc/mender/mender.conf; echo text >tree/usr/share/doc/tool/README;`;
const ROOTFS_EXT4 = `${ROOTFS_TREE} truncate -s 2M rootfs.ext4; mkfs.ext4 -q -O ^has_journal -d tree rootfs.ext4;`;
const RELEASE_2 = "switchback artifact write rootfs-image -t my-board -n release-2 -f rootfs.ext4 -o release-2.mender;";
const SSH_OF_THE_TOOL = SSH.replace("shift\n", 'for last; do :; done; set -- /bin/sh -c "$last"\n');
/** What a distribution publishes for PCs, without most of its files. */
const SMALL_DEBIAN: FixtureDisk = {
  label: "gpt",
  partitions: [
    {
      ...{ mib: 16, fs: "ext4", label: "root" },
      files: {
        "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
        "etc/fstab": "PARTUUID=5b5b5b5b-01 / ext4 defaults 0 1\n",
        "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
        "boot/vmlinuz-6.12": "kernel",
        "boot/initrd.img-6.12": "initrd",
        vmlinuz: { link: "boot/vmlinuz-6.12" },
        "initrd.img": { link: "boot/initrd.img-6.12" },
        "usr/bin/node": "#!",
        "usr/lib/systemd/systemd": "",
        "var/lib/dpkg/status": "Package: nodejs\nStatus: install ok installed\nVersion: 20.19.2\n",
      },
    },
  ],
};
/** What the module \`single-file\` takes. */
const SINGLE_FILE = { "app.conf": "port=80\n", dest_dir: "/etc/app\n", filename: "app.conf\n", permissions: "644\n" };

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
  "switch-from-mender.md": {
    at: "device",
    given: async (device) => {
      device.put("/board/data/mender-store", COMMITTED, 0o600);
      device.put("/board/data/device_type", "device_type=my-board\n");
      await device.run(`openssl genpkey -algorithm ed25519 -out /board/data/mender-agent.pem
        switchback board image rootfs.ext4 --version v3 --size 128K`);
    },
  },
  "change-artifacts.md": {
    at: "desk",
    given: (device) =>
      device.run(`${SIGNING_KEY} ${ROOTFS_EXT4} ${RELEASE_2}
        printf '#!/bin/sh\n' >ArtifactCommit_Enter_10_check; echo certificate >server.crt`),
  },
  "image-files.md": {
    at: "desk",
    given: (device) =>
      device.run(`${SIGNING_KEY} ${ROOTFS_EXT4} ${RELEASE_2}
        echo other >hostname; mkdir -p overlay/etc; echo added >overlay/etc/added; printf '#!/bin/sh\n' >check.sh`),
  },
  "convert-image.md": {
    at: "desk",
    given: async (device) => {
      await checkout(device);
      device.put("/opt/bin/switchback", '#!/bin/sh\nexec /opt/node /desk/dist/switchback.mjs "$@"\n', 0o755);
      await writeDisk(device.path("debian.img"), SMALL_DEBIAN);
    },
    blocks: {
      "cp image/boards/pc-debian.yaml pc.yaml": {
        // As the guide says, the reader adapts the sizes to the image.
        around: (block) => `${block}\nsed -i 's/size: 480M/size: 24M/; s/size: 64M/size: 16M/' pc.yaml`,
      },
    },
  },
  "images.md": {
    at: "desk",
    given: async (device) => {
      await checkout(device);
      await device.run(`${ROOTFS_TREE} tar -C tree -cf rootfs.tar .; : >/dev/sdX`);
    },
  },
  "inspect-image.md": {
    at: "desk",
    given: boardsToBringUp,
    after: ["docs/guides/board-setup.md", "sudo dd if=disk.img of=/dev/sdX bs=4M conv=fsync"],
  },
  "managed.md": {
    at: "device",
    given: (device) => device.put("/sys-net/eth0/address", "00:11:22:33:44:55\n"),
    enter: "TOKEN=mine; mount --bind /sys-net /sys/class/net",
  },
  "snapshot.md": {
    at: "desk",
    given: (device) => {
      disk("mmcblk0p2")(device);
      device.put("/opt/bin/ssh", SSH, 0o755);
    },
    blocks: {
      "switchback artifact write rootfs-image -f ssh://root@device -t my-board -n release-1 -o release-1.mender": {
        given: (device) => device.put("/opt/bin/ssh", SSH_OF_THE_TOOL, 0o755),
      },
    },
  },
  "update-modules.md": {
    at: "desk",
    given: async (device) => {
      await checkout(device);
      for (const [name, text] of Object.entries(SINGLE_FILE)) device.put(name, text);
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
