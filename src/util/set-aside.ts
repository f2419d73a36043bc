import { dirname } from "node:path";
import type { FileActs } from "../ports/files.ts";

export type AsideActs = Pick<FileActs, "rename" | "remove" | "syncFolder">;

/**
 * Moves what is at `path` out of the way, to `<path>.damaged` in place of an earlier one: only for what can be made
 * anew. Nothing is deleted the first time, because nobody knows whose it is.
 *
 * @returns where it is now
 * @throws what the system says, such as EBUSY for a mount point
 */
export async function setAside(path: string, acts: AsideActs): Promise<string> {
  const aside = `${path}.damaged`;
  await acts.remove(aside);
  await acts.rename(path, aside);
  await acts.syncFolder(dirname(path));
  return aside;
}
