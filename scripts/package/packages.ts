import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { buildDeb } from "./deb.ts";
import { devicePackage } from "./device-package.ts";
import { fleetPackage } from "./fleet-package.ts";
import { outputsOf, type Part } from "./program-files.ts";
import type { Release } from "./release.ts";
import { type Delivered, sbom } from "./sbom.ts";
import { serverPackage } from "./server-package.ts";
import { buildTarball } from "./tarball.ts";
import { toolsPackage } from "./tools-package.ts";

/**
 * Builds the Debian packages and the tarball into `output`, each with its SBOM, and the checksums of all of them.
 *
 * @returns names of the files, sorted
 */
export async function buildPackages(release: Release, output: string): Promise<readonly string[]> {
  await mkdir(output, { recursive: true });
  const { epoch, version } = release;
  const built: readonly (readonly [path: string, name: string, type: Delivered["type"], part: Part])[] = [
    [await buildDeb(await devicePackage(release), output, epoch), "switchback", "deb", "device"],
    [await buildDeb(await toolsPackage(release), output, epoch), "switchback-tools", "deb", "whole"],
    [await buildDeb(await serverPackage(release), output, epoch), "switchback-server", "deb", "server"],
    [await buildDeb(await fleetPackage(release), output, epoch), "switchback-fleet", "deb", "fleet"],
    [await buildTarball(release, output), "switchback", "generic", "whole"],
  ];
  const sums = new Map<string, string>();
  for (const [path, name, type, part] of built) {
    const sha256 = sha256Of(await readFile(path));
    const text = await sbom({ name, type, version, sha256 }, outputsOf(release, part), epoch);
    await writeFile(`${path}.cdx.json`, text);
    sums.set(basename(path), sha256);
    sums.set(`${basename(path)}.cdx.json`, sha256Of(text));
  }
  const lines = [...sums].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, sum]) => `${sum}  ${name}\n`);
  await writeFile(join(output, "SHA256SUMS"), lines.join(""));
  return [...sums.keys(), "SHA256SUMS"].sort();
}

const sha256Of = (content: Uint8Array | string): string => createHash("sha256").update(content).digest("hex");
