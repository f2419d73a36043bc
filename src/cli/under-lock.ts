import type { CliIo } from "../agent/io.ts";
import { composeWorkLock } from "../agent/lock.ts";
import type { Paths } from "../config/paths.ts";

/**
 * Runs the function that `load` returns while no other agent runs on this datastore. A system program takes the lock
 * without help from this process, which loads the code meanwhile.
 *
 * @throws {AgentError} AGENT_BUSY, LOCK_FAILED
 */
export async function underLock<T>(
  paths: Paths,
  io: CliIo,
  load: () => Promise<() => Promise<T>>,
  acquire = lockDevice,
): Promise<T> {
  const locking = acquire(paths, io);
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

const lockDevice = (paths: Paths, io: CliIo): Promise<() => Promise<void>> =>
  composeWorkLock(paths, io.host, (line) => io.err(line)).acquire();

/**
 * Like `underLock`, for commands that speak to the server: takes the server lock first, so that no other process speaks
 * to the server, and a running daemon can still lock the device.
 *
 * @throws {AgentError} AGENT_BUSY, DAEMON_RUNNING, LOCK_FAILED
 */
export function underBothLocks<T>(paths: Paths, io: CliIo, load: () => Promise<() => Promise<T>>): Promise<T> {
  return underLock(paths, io, load, async () => {
    const { acquireServerLock } = await import("./managed/daemon-process.ts");
    const releaseServerLock = await acquireServerLock(paths, (line) => io.err(`warning: ${line}`), io.host);
    try {
      const release = await lockDevice(paths, io);
      return async () => {
        await release();
        await releaseServerLock();
      };
    } catch (error) {
      await releaseServerLock();
      throw error;
    }
  });
}
