import { FLEET } from "../lib/fleet-bundle.ts";
import type { DebianPackage } from "./deb.ts";
import { compressedPage, linkTo } from "./device-package.ts";
import { documentsOf, FLEET_NAMES } from "./documents.ts";
import { oneFile } from "./program-files.ts";
import type { Release } from "./release.ts";

const FOLDER = "/usr/lib/switchback-fleet";

/** The operators' command line, which also has the name of mender-cli. */
export async function fleetPackage(release: Release): Promise<DebianPackage> {
  const { dist, maintainer } = release;
  return {
    name: "switchback-fleet",
    version: release.version,
    fields: {
      Section: "admin",
      Priority: "optional",
      Maintainer: `${maintainer.name} <${maintainer.email}>`,
      Depends: "nodejs (>= 20.19)",
      Recommends: "ca-certificates",
      Provides: "mender-cli",
      Conflicts: "mender-cli",
      Replaces: "mender-cli",
    },
    synopsis: "command line for a server of over-the-air updates",
    description: [
      "switchback-fleet accepts devices, uploads Artifacts, and creates and watches deployments on a management server. " +
        "It also has the name, the commands and the options of mender-cli. It can simulate a fleet.",
      "The server may be switchback-server, or another one with Mender's management API.",
    ],
    files: [
      await oneFile(dist, "fleet", FLEET, FOLDER),
      ...FLEET_NAMES.map(linkTo(FOLDER, FLEET)),
      ...(await documentsOf(FLEET_NAMES, release)).map(compressedPage),
    ],
    scripts: {},
    changelog: release.changelog,
    copyright: release.fleetCopyright,
  };
}
