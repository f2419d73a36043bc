import type { Remedies } from "./section.ts";

export const CONVERSION = {
  CONVERT_ROOTFS:
    "`switchback image inspect` shows what is in the image. Give an image with one partition that holds the system, or the " +
    "image of that filesystem alone. For a squashfs, unpack it with `unsquashfs` and use `switchback image create`.",
  CONVERT_NODE:
    "Install the package that `install` names while you build the image. Debian 13 has Node 20; for older releases, take it " +
    "from NodeSource or copy Node's own archive to `/usr/local`.",
  CONVERT_AGENT:
    "`found` is the program of the agent. Remove its package from the image. A Mender client on a device is replaced by the " +
    "package `switchback`, not by a conversion.",
  CONVERT_BOOT:
    "`missing` names the file or partition, and `reason` what is wrong with the board file. For `rpi-tryboot`, the image " +
    "must have a FAT partition with `cmdline.txt` and the firmware.",
  CONVERT_SPACE:
    "Enlarge `rootfsA` and `rootfsB` in the board file, or remove files from the image. `has` is the size of a slot in " +
    "bytes, and `resize2fs` says how small the filesystem can become.",
  CONVERT_BUNDLE:
    "Run `npm run build`, and name the folder `dist` with `--agent`. It must contain `switchback.mjs`, `chunks` and `systemd`.",
} satisfies Remedies;
