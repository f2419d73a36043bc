import { HARNESS } from "../lib/harness-bundle.ts";
import type { DebianPackage } from "./deb.ts";
import { compressedPage, linkTo } from "./device-package.ts";
import { QEMU_NAME, TOOL_NAMES, toolsDocuments } from "./documents.ts";
import { oneFile, programFiles } from "./program-files.ts";
import type { Release } from "./release.ts";

const FOLDER = "/usr/lib/switchback-tools";

const OVERRIDES = `# It reads the database of the system in an image, which no dpkg-query of this machine can read.
switchback-tools: uses-dpkg-database-directly [usr/lib/switchback-tools/switchback-qemu.mjs]
`;

/** The whole program, for build hosts: no service, and no file of the device's package. */
export async function toolsPackage(release: Release): Promise<DebianPackage> {
  const { dist, metafile, maintainer } = release;
  return {
    name: "switchback-tools",
    version: release.version,
    fields: {
      Section: "devel",
      Priority: "optional",
      Maintainer: `${maintainer.name} <${maintainer.email}>`,
      Depends: "nodejs (>= 20.19)",
      // The emulators are for switchback-qemu.
      Recommends: [
        ...["e2fsprogs", "mtools", "openssh-client", "openssl", "ovmf", "qemu-efi-aarch64", "qemu-system-arm"],
        ...["qemu-system-x86", "xz-utils", "zstd"],
      ].join(", "),
      Suggests: "dosfstools, grub-common, mtd-utils, u-boot-tools",
      Provides: "mender-artifact",
      Conflicts: "mender-artifact",
      Replaces: "mender-artifact",
    },
    synopsis: "make Mender Artifacts and disk images for over-the-air updates",
    description: [
      "The tools of Switchback for a build host. switchback-artifact writes, reads, signs, checks and changes Mender " +
        "Artifacts. It also has the name, the commands and the options of mender-artifact. switchback-image makes and " +
        "explains disk images of devices with two root filesystem slots. switchback-qemu boots such an image under QEMU and " +
        "tries updates, rollbacks and power cuts on it.",
      "A device needs the package switchback only. Both packages can be installed together.",
    ],
    files: [
      ...(await programFiles(dist, metafile, "whole", FOLDER)),
      ...TOOL_NAMES.map(linkTo(FOLDER)),
      await oneFile(dist, "qemu", HARNESS, FOLDER),
      linkTo(FOLDER, HARNESS)(QEMU_NAME),
      ...(await toolsDocuments(release)).map(compressedPage),
    ],
    scripts: {},
    lintianOverrides: OVERRIDES,
    changelog: release.changelog,
    copyright: release.copyright,
  };
}
