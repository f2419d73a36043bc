import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { FileActs } from "../../src/ports/files.ts";
import { isNoFile } from "../../src/util/is-no-file.ts";
import { setAside } from "../../src/util/set-aside.ts";

/**
 * Moves aside whatever occupies the path of the lock file. It holds a lock on the folder meanwhile: if two agents see
 * the same obstacle, the second must not move away the lock that the first has created and taken.
 *
 * @param hold takes the lock on the open folder
 */
export async function clearPlace(
  path: string,
  hold: (folder: FileHandle) => Promise<() => Promise<void>>,
  acts: FileActs,
  tell: (line: string) => void,
): Promise<void> {
  const folder = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY).catch((cause: unknown) => {
    throw new AgentError("LOCK_FAILED", { lock: path }, cause);
  });
  const release = await hold(folder);
  try {
    if (isNoFile(path)) tell(`${path} is not a lock: moved it to ${await setAside(path, acts)}.`);
  } catch (cause) {
    throw new AgentError("LOCK_FAILED", { lock: path }, cause);
  } finally {
    await release();
  }
}
