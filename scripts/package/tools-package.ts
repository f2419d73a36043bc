import type { DebianPackage } from "./deb.ts";
import { compressedPage, linkTo } from "./device-package.ts";
import { toolsDocuments } from "./documents.ts";
import { programFiles } from "./program-files.ts";
import type { Release } from "./release.ts";

const FOLDER = "/usr/lib/switchback-tools";

/** Names under which a build host calls the tools. None of them is a name of the device's package. */
const TOOL_NAMES = ["mender-artifact", "switchback-artifact", "switchback-image"] as const;

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
      Recommends: "e2fsprogs, openssl, xz-utils, zstd",
      Suggests: "dosfstools, grub-common, mtd-utils, mtools, openssh-client, u-boot-tools",
      Provides: "mender-artifact",
      Conflicts: "mender-artifact",
      Replaces: "mender-artifact",
    },
    synopsis: "make Mender Artifacts and disk images for over-the-air updates",
    description: [
      "The tools of Switchback for a build host. switchback-artifact writes, reads, signs, checks and changes Mender " +
        "Artifacts. It also has the name, the commands and the options of mender-artifact. switchback-image makes and " +
        "explains disk images of devices with two root filesystem slots.",
      "A device needs the package switchback only. Both packages can be installed together.",
    ],
    files: [
      ...(await programFiles(dist, metafile, "whole", FOLDER)),
      ...TOOL_NAMES.map(linkTo(FOLDER)),
      ...(await toolsDocuments(release)).map(compressedPage),
    ],
    scripts: {},
    changelog: release.changelog,
    copyright: release.copyright,
  };
}
