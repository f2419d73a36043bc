import { createFileLock } from "../../adapters/lock/flock.ts";
import { leftRecords, workOnDevice } from "../../adapters/process/program-record.ts";
import type { Paths } from "../config/paths.ts";
import type { Lock } from "../ports/lock.ts";
import type { Host } from "./host.ts";

/** The device's lock. Kept small, because every command that changes something loads it at start-up. */
export const composeLock = (paths: Paths, host?: Host, tell?: (line: string) => void): Lock =>
  host?.lock(paths.lockFile, tell) ?? createFileLock(paths.lockFile, undefined, undefined, tell);

/** The lock for changing the device. Acquiring it also ends programs that a killed agent left running. */
export function composeWorkLock(paths: Paths, host: Host | undefined, tell: (line: string) => void): Lock {
  const lock = composeLock(paths, host, (line) => tell(`warning: ${line}`));
  return {
    async acquire() {
      const release = await lock.acquire();
      try {
        const records = leftRecords(workOnDevice(paths.lockFile));
        if (records.length > 0) {
          const { endLeftPrograms } = await import("../../adapters/process/left-programs.ts");
          await endLeftPrograms(records, tell);
        }
      } catch (error) {
        await release();
        throw error;
      }
      return release;
    },
  };
}
