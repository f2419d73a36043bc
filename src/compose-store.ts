import { createFileLock } from "../adapters/lock/flock.ts";
import { createFileStore } from "../adapters/store/file-store.ts";
import type { Machine } from "./compose-machine.ts";
import type { Paths } from "./config/paths.ts";
import type { Lock } from "./ports/lock.ts";
import type { Store } from "./ports/store.ts";
import type { Logger } from "./util/logger.ts";

/**
 * The device's store and its lock alone: all that `show-artifact` and `show-provides` need. Of the machine that this
 * process runs on only what they touch is loaded.
 */
export const composeStore = (paths: Paths, log: Logger, machine?: Machine): Store =>
  createFileStore(paths.datastore, log, machine?.files);

export const composeLock = (paths: Paths, machine?: Machine): Lock =>
  machine?.lock(paths.lockFile) ?? createFileLock(paths.lockFile);
