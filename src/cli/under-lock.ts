import { composeLock } from "../compose-store.ts";
import type { Paths } from "../config/paths.ts";
import type { CliIo } from "./io.ts";

/**
 * Runs what `load` brings while no other agent runs on this datastore. The lock is taken by a program of the
 * system, which needs no help from this process, so the code is loaded meanwhile.
 *
 * @throws {AgentError} AGENT_BUSY, LOCK_FAILED
 */
export async function underLock<T>(paths: Paths, io: CliIo, load: () => Promise<() => Promise<T>>): Promise<T> {
  const locking = composeLock(paths, io.machine).acquire();
  locking.catch(() => {
    // ignored: awaited below, when the code has been loaded.
  });
  const work = await load();
  const release = await locking;
  try {
    return await work();
  } finally {
    await release();
  }
}
