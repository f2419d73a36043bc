import { dirname } from "node:path";
import type { FileActs } from "../ports/files.ts";

/** Creates a folder and its missing parents. Resolves when each new folder is durable in its parent. */
export async function ensureFolder(
  path: string,
  mode: number,
  acts: Pick<FileActs, "makeFolder" | "syncFolder">,
): Promise<void> {
  const firstMade = await acts.makeFolder(path, mode);
  if (firstMade === undefined) return;
  const last = dirname(firstMade);
  for (let folder = path; folder !== last; ) {
    folder = dirname(folder);
    await acts.syncFolder(folder);
  }
}
