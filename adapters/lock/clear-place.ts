import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { FileActs } from "../../src/util/durable-file.ts";
import { isNoFile } from "../../src/util/is-no-file.ts";
import { setAside } from "../../src/util/set-aside.ts";
import { waitFor } from "./flock.ts";

/** Far longer than it takes to rename something. */
const CLEAR_MS = 10_000;

/**
 * Sets aside what is no lock. A lock on the folder is held meanwhile: of two agents that have seen the same obstacle,
 * the second must not move away the lock that the first has made and taken.
 */
export async function clearPlace(
  path: string,
  program: string,
  acts: FileActs,
  tell: (line: string) => void,
): Promise<void> {
  const folder = dirname(path);
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY).catch((cause: unknown) => {
    throw new AgentError("LOCK_FAILED", { lock: path }, cause);
  });
  const release = await waitFor(handle, folder, CLEAR_MS, new AbortController().signal, program);
  try {
    if (isNoFile(path)) tell(`${path} is no lock: moved to ${await setAside(path, acts)}.`);
  } catch (cause) {
    throw new AgentError("LOCK_FAILED", { lock: path }, cause);
  } finally {
    await release();
  }
}
