import { dirname } from "node:path";
import type { FileActs } from "../ports/files.ts";

export type AsideActs = Pick<FileActs, "rename" | "remove" | "syncFolder">;

/**
 * Moves the file or folder at `path` to `<path>.damaged`, replacing an earlier one there. Only for content that the
 * agent can recreate. The first move deletes nothing, because the owner of the content is unknown.
 *
 * @returns the new path
 * @throws the system's error, such as EBUSY for a mount point
 */
export async function setAside(path: string, acts: AsideActs): Promise<string> {
  const aside = `${path}.damaged`;
  await acts.remove(aside);
  await acts.rename(path, aside);
  await acts.syncFolder(dirname(path));
  return aside;
}
