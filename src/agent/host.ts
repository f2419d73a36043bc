import { bootClock } from "../../adapters/clock/boot-clock.ts";
import { diskActs } from "../../adapters/files/disk.ts";
import type { BlockAccess, BlockFile } from "../../adapters/linux/block-file.ts";
import type { OpenRawFile } from "../../adapters/linux/raw-file.ts";
import { createFileLock } from "../../adapters/lock/flock.ts";
import { type ChildProcessOptions, createChildProcess } from "../../adapters/process/child-process.ts";
import type { OwnRoot } from "../../adapters/process/own-root.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileActs } from "../ports/files.ts";
import type { Lock } from "../ports/lock.ts";
import type { GuardedProcess, Process } from "../ports/process.ts";

/**
 * Everything the agent does to the device it runs on. The agent leaves state that survives a power cut only through
 * these functions, so that tests can use a host that counts the acts and cuts the power between any two.
 */
export interface Host {
  readonly files: FileActs;
  /** Opens the storage of a slot. */
  openStorage(path: string, direct: boolean, access: BlockAccess): Promise<BlockFile>;
  /** Opens the storage of a boot environment, which may lie beside mounted partitions. */
  openRaw: OpenRawFile;
  /** Starts programs: state scripts, update modules, the boot loader's tools, `reboot`. */
  process(options?: ChildProcessOptions): Process;
  /** Starts the programs of a virtual board, which must not change anything outside the board. */
  ownRootProcess(own: OwnRoot, options?: ChildProcessOptions): GuardedProcess;
  /** @param tell receives a line if something else stood in the place of the lock */
  lock(path: string, tell?: (line: string) => void): Lock;
  /** Clock of all schedules, waits and time limits. */
  readonly clock: Clock;
}

/** The machine that this process runs on. */
export const thisHost: Host = {
  files: diskActs,
  // Loaded at first use, because a waiting daemon does not need it.
  openStorage: async (...how) => (await import("../../adapters/linux/block-file.ts")).openBlockFile(...how),
  openRaw: async (...how) => (await import("../../adapters/linux/raw-file.ts")).openRawFile(...how),
  process: createChildProcess,
  ownRootProcess(own, options) {
    const loaded = import("../../adapters/process/own-root.ts").then((code) => code.createOwnRootProcess(own, options));
    return {
      run: async (...given) => (await loaded).run(...given),
      expectToRun: async (program) => (await loaded).expectToRun(program),
    };
  },
  lock: (path, tell) => createFileLock(path, undefined, diskActs, tell),
  clock: bootClock,
};
