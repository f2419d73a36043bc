import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { GeneratedFile } from "./completions.ts";
import { type DebianPackage, gzipped } from "./deb.ts";
import { CLIENT_NAMES, deviceDocuments } from "./documents.ts";
import { maintainerScripts } from "./maintainer-scripts.ts";
import { filesFrom, programFiles } from "./program-files.ts";
import type { Release } from "./release.ts";
import type { Staged } from "./staged-tree.ts";

const FOLDER = "/usr/lib/switchback";

/** Packages of the Mender client, of Debian and of Mender, that must not run beside the agent. */
const CLIENT_PACKAGES = [
  ...["mender", "mender-client", "mender-client4", "mender-update", "mender-auth", "mender-setup", "mender-snapshot"],
] as const;

export const UNITS = [
  ...["switchback-poll.service", "switchback-poll.timer", "switchback-resume.service", "switchback.service"],
] as const;

const OVERRIDES = `# The update module asks which packages own any of the files that an update brings. dpkg-query would start once for each
# of the files and read the whole database each time.
switchback: uses-dpkg-database-directly [usr/share/switchback/modules/v3/deb]
# It reads the store of the Mender client, an LMDB file, which no shell can read. Pre-Depends makes sure that Node is there.
switchback: unusual-control-interpreter /usr/bin/node [preinst]
`;

/** The agent with its services: what a device needs, and nothing else. */
export async function devicePackage(release: Release): Promise<DebianPackage> {
  const { dist, metafile, maintainer } = release;
  return {
    name: "switchback",
    version: release.version,
    fields: {
      Section: "admin",
      Priority: "optional",
      Maintainer: `${maintainer.name} <${maintainer.email}>`,
      // preinst checks a device that runs the Mender client before it removes that client.
      "Pre-Depends": "nodejs (>= 20.19)",
      Recommends: "ca-certificates, xz-utils, zstd",
      Suggests: "libubootenv-tool, mtd-utils, switchback-tools",
      Provides: CLIENT_PACKAGES.join(", "),
      Conflicts: CLIENT_PACKAGES.join(", "),
      Replaces: CLIENT_PACKAGES.join(", "),
    },
    synopsis: "over-the-air updates for embedded Linux that survive power cuts",
    description: [
      "Switchback writes an update into the root filesystem slot that does not run, boots it on trial, and keeps it only " +
        "after you, a health check or the server has confirmed it. Without the confirmation, the next power-on returns " +
        "to the old system.",
      "It reads Mender Artifacts, talks to Mender servers and takes over a device that runs the Mender client: the " +
        "configuration, the device key and the name of the installed software stay.",
    ],
    files: [
      ...(await programFiles(dist, metafile, "device", FOLDER)),
      ...["switchback", ...CLIENT_NAMES].map(linkTo(FOLDER)),
      ...(await filesFrom("systemd", "/usr/lib/systemd/system", UNITS)),
      ...(await shippedScripts(dist)),
      ...(await deviceDocuments(release)).map(compressedPage),
      { path: "/etc/default/switchback", content: await readFile("scripts/package/debian/default", "utf8") },
      { path: "/usr/share/doc/switchback/NEWS.md.gz", content: gzipped(await readFile("CHANGELOG.md", "utf8")) },
    ],
    scripts: await maintainerScripts(),
    changelog: release.changelog,
    copyright: release.copyright,
    lintianOverrides: OVERRIDES,
  };
}

/** Debian's policy wants manual pages compressed. */
export const compressedPage = ({ path, content }: GeneratedFile): Staged =>
  path.startsWith("/usr/share/man/") ? { path: `${path}.gz`, content: gzipped(content) } : { path, content };

export const linkTo =
  (folder: string, file = "switchback.mjs") =>
  (name: string): Staged => ({
    path: `/usr/bin/${name}`,
    content: { linkTo: `../lib/${folder.slice("/usr/lib/".length)}/${file}` },
  });

/**
 * Below `/usr/share/switchback`, where they replace nothing that a device has of its own. `postinst` links the modules
 * and the identity script into the folders of the agent. State scripts stay where they are: each changes what an update
 * does.
 */
async function shippedScripts(dist: string): Promise<readonly Staged[]> {
  const share = "/usr/share/switchback";
  const kinds = {
    "update-modules": "modules/v3",
    identity: "identity",
    "state-scripts/rootfs": "state-scripts/rootfs",
    "state-scripts/artifact": "state-scripts/artifact",
  };
  const found = await Promise.all(
    Object.entries(kinds).map(([from, to]) => filesFrom(join(dist, from), `${share}/${to}`)),
  );
  return found.flat().filter(({ path }) => !path.endsWith(".md"));
}
