import { access, constants, lstat, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FileFacts } from "../../src/ports/board-facts.ts";

/** The facts of a file; follows links. @returns `undefined` if nothing exists there, or this process may not look */
export async function collectFileFacts(path: string): Promise<FileFacts | undefined> {
  const found = await stat(path).catch(() => undefined); // ignored: as said above.
  return found && { path, mode: found.mode & 0o7777, owner: found.uid };
}

/** The facts of a folder and of its direct entries. */
export async function collectEntryFacts(folder: string): Promise<readonly FileFacts[]> {
  const names = await readdir(folder).catch(() => []); // ignored: as for a file.
  const all = await Promise.all([folder, ...names.map((name) => join(folder, name))].map(collectFileFacts));
  return all.filter((facts) => facts !== undefined);
}

/**
 * Looks for what would prevent the replacement of a file or of the temporary file beside it: an immutable flag, which
 * stops even root, or a mount.
 *
 * @returns the path that blocks the replacement
 */
export async function blockOf(path: string): Promise<string | undefined> {
  for (const each of [path, `${path}.new`]) {
    const found = await lstat(each).catch(() => undefined); // ignored: a missing file blocks nothing.
    if (found === undefined || found.isSymbolicLink()) continue;
    const isMounted = found.dev !== (await stat(dirname(each))).dev;
    const isLocked = await access(each, constants.W_OK).then(
      () => false,
      () => true,
    );
    if (isMounted || isLocked) return each;
  }
  return undefined;
}
