import { access, constants, lstat, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FileFacts } from "../../src/ports/board-facts.ts";

/** What lies there, behind links too. @returns `undefined` where nothing does, or this process may not look */
export async function lookAtFile(path: string): Promise<FileFacts | undefined> {
  const found = await stat(path).catch(() => undefined); // ignored: as said above.
  return found && { path, mode: found.mode & 0o7777, owner: found.uid };
}

/** A folder and what lies right in it. */
export async function lookInFolder(folder: string): Promise<readonly FileFacts[]> {
  const names = await readdir(folder).catch(() => []); // ignored: as for a file.
  const all = await Promise.all([folder, ...names.map((name) => join(folder, name))].map(lookAtFile));
  return all.filter((facts) => facts !== undefined);
}

/**
 * What keeps a file, or the temporary one beside it, from being replaced: an immutable flag, which not even root may
 * write through, or something mounted there. @returns its path
 */
export async function blockOf(path: string): Promise<string | undefined> {
  for (const each of [path, `${path}.new`]) {
    const found = await lstat(each).catch(() => undefined); // ignored: what is not there is not in the way.
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
