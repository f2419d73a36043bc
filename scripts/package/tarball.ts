import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HARNESS } from "../lib/harness-bundle.ts";
import { capture } from "../lib/run.ts";
import type { GeneratedFile } from "./completions.ts";
import { gzipped } from "./deb.ts";
import { UNITS } from "./device-package.ts";
import { deviceDocuments, toolsDocuments } from "./documents.ts";
import { filesFrom, oneFile, programFiles } from "./program-files.ts";
import type { Release } from "./release.ts";
import { type Staged, stage } from "./staged-tree.ts";

/**
 * Everything for a machine without Debian's packages: both parts, the units, the scripts, and `install.sh`. The same
 * release gives the same bytes.
 *
 * @returns path of the archive in `output`
 */
export async function buildTarball(release: Release, output: string): Promise<string> {
  const name = `switchback-${release.version}`;
  const root = await mkdtemp(join(tmpdir(), "switchback-tar-"));
  try {
    await stage(await tarballFiles(release, `/${name}`), root, release.epoch);
    const tar = join(root, "tar");
    const owner = ["--owner=root:0", "--group=root:0", "--numeric-owner", `--mtime=@${release.epoch}`];
    const args = ["--format=ustar", "--sort=name", ...owner, "-C", root, "-cf", tar, name];
    const { code, output: text } = await capture("tar", args, { LC_ALL: "C" });
    if (code !== 0) throw new Error(`tar failed: ${text}`);
    const path = join(output, `${name}.tar.gz`);
    await writeFile(path, gzipped(await readFile(tar)));
    return path;
  } finally {
    await rm(root, { recursive: true });
  }
}

async function tarballFiles(release: Release, top: string): Promise<readonly Staged[]> {
  const { dist, metafile } = release;
  const docs = await Promise.all(
    ["LICENSE", "CHANGELOG.md"].map(async (name) => ({ path: `${top}/${name}`, content: await readFile(name) })),
  );
  return [
    ...(await programFiles(dist, metafile, "device", `${top}/lib/switchback`)),
    ...(await programFiles(dist, metafile, "whole", `${top}/lib/switchback-tools`)),
    await oneFile(dist, "qemu", HARNESS, `${top}/lib/switchback-tools`),
    ...(await filesFrom("systemd", `${top}/systemd`, UNITS)),
    ...(await filesFrom(join(dist, "update-modules"), `${top}/modules/v3`)),
    ...(await filesFrom(join(dist, "identity"), `${top}/identity`)),
    ...(await filesFrom(join(dist, "state-scripts/rootfs"), `${top}/state-scripts/rootfs`)),
    ...(await filesFrom(join(dist, "state-scripts/artifact"), `${top}/state-scripts/artifact`)),
    ...(await deviceDocuments(release)).map(below(`${top}/share/switchback`)),
    ...(await toolsDocuments(release)).map(below(`${top}/share/switchback-tools`)),
    ...docs,
    { path: `${top}/COPYRIGHT`, content: release.copyright },
    { path: `${top}/install.sh`, content: await readFile("scripts/package/install.sh"), mode: 0o755 as const },
  ].filter(({ path }) => !path.endsWith("/README.md"));
}

/** For `share` of any prefix. zsh looks into the folder of vendors on Debian only. */
const below =
  (share: string) =>
  ({ path, content }: GeneratedFile): Staged => ({
    path: path.replace("/usr/share", share).replace("/vendor-completions/", "/site-functions/"),
    content,
  });
