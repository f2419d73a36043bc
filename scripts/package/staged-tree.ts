import { chmod, lutimes, mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** A file, or a link, of a package. */
export interface Staged {
  /** Absolute path on the machine that gets the package, such as `/usr/bin/switchback`. */
  readonly path: string;
  readonly content: Uint8Array | string | { readonly linkTo: string };
  readonly mode?: 0o644 | 0o755;
}

/** Sorted, because the order of the files decides about the bytes of an archive. */
const byPath = (files: readonly Staged[]): readonly Staged[] =>
  files.toSorted(({ path: a }, { path: b }) => (a < b ? -1 : Number(a > b)));

/**
 * Writes the files below `root`. The result depends neither on the umask nor on the time of this run.
 *
 * @param epoch time of every file and folder, in seconds
 */
export async function stage(files: readonly Staged[], root: string, epoch: number): Promise<void> {
  const folders = new Set<string>([root]);
  for (const { path, content, mode = 0o644 } of byPath(files)) {
    const place = join(root, path);
    for (const folder of foldersBetween(root, place)) {
      if (folders.has(folder)) continue;
      await mkdir(folder, { recursive: true });
      folders.add(folder);
    }
    if (typeof content === "object" && "linkTo" in content) {
      await symlink(content.linkTo, place);
      await lutimes(place, epoch, epoch);
      continue;
    }
    await writeFile(place, content, { flag: "wx" });
    await chmod(place, mode);
    await utimes(place, epoch, epoch);
  }
  for (const folder of folders) {
    await chmod(folder, 0o755);
    await utimes(folder, epoch, epoch);
  }
}

/** From the outermost folder to the innermost. */
function foldersBetween(root: string, place: string): readonly string[] {
  const parent = dirname(place);
  return parent === root || parent === dirname(parent) ? [] : [...foldersBetween(root, parent), parent];
}
