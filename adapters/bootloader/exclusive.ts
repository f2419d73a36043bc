import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { waitForFileLock } from "../lock/flock.ts";

/**
 * Runs `work` while no other program reads or writes the boot environment. The signal cancels the wait for the locks,
 * but not work that has started.
 *
 * @throws {AgentError} LOCK_TIMEOUT, LOCK_FAILED
 */
export type Exclusive = <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/** Long enough for a program that writes to slow flash. */
const WAIT_MS = 60_000;

/**
 * @param files the lock files of the board's tools; a file in a missing folder is skipped, because no tool can lock it
 */
export function createExclusive(files: readonly string[], waitMs = WAIT_MS): Exclusive {
  return async (signal, work) => {
    signal.throwIfAborted();
    const releases: (() => Promise<void>)[] = [];
    try {
      for (const file of files) {
        if (existsSync(dirname(file))) releases.push(await waitForFileLock(file, waitMs, signal));
      }
      return await work();
    } finally {
      for (const release of releases.reverse()) await release();
    }
  };
}
