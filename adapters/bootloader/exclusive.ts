import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { waitForFileLock } from "../lock/flock.ts";

/**
 * Runs `work` while no other program reads or writes the boot environment. Cancelling ends the waiting, and
 * not what has begun.
 *
 * @throws {AgentError} LOCK_TIMEOUT, LOCK_FAILED
 */
export type Exclusive = <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/** Long enough for a program that writes to slow flash. */
const WAIT_MS = 60_000;

/** @param files that the board's tools lock; one in a folder that is not there locks nobody out and is left out */
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
