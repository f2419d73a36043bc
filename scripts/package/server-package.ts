import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SERVER } from "../lib/server-bundle.ts";
import type { DebianPackage } from "./deb.ts";
import { compressedPage, linkTo } from "./device-package.ts";
import { documentsOf, SERVER_NAME } from "./documents.ts";
import { filesFrom, oneFile } from "./program-files.ts";
import type { Release } from "./release.ts";

const FOLDER = "/usr/lib/switchback-server";
const FROM = "scripts/package/debian/server";

/** The management server with its service, which runs as a user of its own. */
export async function serverPackage(release: Release): Promise<DebianPackage> {
  const { dist, maintainer } = release;
  const scripts = ["postinst", "prerm", "postrm"];
  return {
    name: SERVER_NAME,
    version: release.version,
    fields: {
      Section: "admin",
      Priority: "optional",
      Maintainer: `${maintainer.name} <${maintainer.email}>`,
      Depends: "adduser, nodejs (>= 20.19)",
      // Without a database of yours, the server runs one.
      Recommends: "ca-certificates, postgresql (>= 15)",
      Suggests: "haproxy | nginx, switchback-fleet",
    },
    synopsis: "management server for over-the-air updates",
    description: [
      "switchback-server keeps the devices, releases and deployments of a fleet, and serves them to devices and people " +
        "over Mender's own APIs. One command runs it on one machine. Several processes can share a PostgreSQL and a " +
        "bucket of S3.",
      "Devices run switchback or the Mender client. switchback-fleet is its command line for operators.",
    ],
    files: [
      await oneFile(dist, "server", SERVER, FOLDER),
      ...(await filesFrom(join(dist, "server", "migrations"), `${FOLDER}/migrations`)),
      ...(await filesFrom(join(dist, "server", "console"), `${FOLDER}/console`)),
      ...(await filesFrom(join(dist, "server", "console", "assets"), `${FOLDER}/console/assets`)),
      linkTo(FOLDER, SERVER)(SERVER_NAME),
      ...(await filesFrom(FROM, "/usr/lib/systemd/system", [`${SERVER_NAME}.service`])),
      { path: `/etc/${SERVER_NAME}/server.yaml`, content: await readFile(`${FROM}/server.yaml`, "utf8") },
      ...(await documentsOf([SERVER_NAME], release)).map(compressedPage),
    ],
    scripts: Object.fromEntries(
      await Promise.all(scripts.map(async (name) => [name, await readFile(`${FROM}/${name}`, "utf8")] as const)),
    ),
    changelog: release.changelog,
    copyright: release.serverCopyright,
  };
}
