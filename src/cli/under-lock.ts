import type { CliIo } from "../agent/io.ts";
import { composeWorkLock } from "../agent/lock.ts";
import type { Paths } from "../config/paths.ts";

/**
 * Runs what `load` brings while no other agent runs on this datastore. The lock is taken by a program of the
 * system, which needs no help from this process, so the code is loaded meanwhile.
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
 * The same for what speaks to the server: nobody else does meanwhile, and no daemon is kept from the device.
 *
 * @throws {AgentError} AGENT_BUSY, DAEMON_RUNNING, LOCK_FAILED
 */
export function underBothLocks<T>(paths: Paths, io: CliIo, load: () => Promise<() => Promise<T>>): Promise<T> {
  return underLock(paths, io, load, async () => {
    const { acquireServerLock: becomeSpeaker } = await import("./managed/daemon-process.ts");
    const releaseServerLock = await becomeSpeaker(paths, (line) => io.err(`warning: ${line}`), io.host);
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
