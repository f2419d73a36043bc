import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { FileActs } from "../../src/ports/files.ts";
import { isNoFile } from "../../src/util/is-no-file.ts";
import { setAside } from "../../src/util/set-aside.ts";

/**
 * Sets aside what is no lock. A lock on the folder is held meanwhile: of two agents that have seen the same obstacle,
 * the second must not move away the lock that the first has made and taken.
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
