import { createFileLock } from "../adapters/lock/flock.ts";
import { createFileStore } from "../adapters/store/file-store.ts";
import type { Paths } from "./config/paths.ts";
import type { Lock } from "./ports/lock.ts";
import type { Store } from "./ports/store.ts";
import type { Logger } from "./util/logger.ts";

/** The device's store and its lock alone: all that `show-artifact` and `show-provides` need. */
export const composeStore = (paths: Paths, log: Logger): Store => createFileStore(paths.datastore, log);

export const composeLock = (paths: Paths): Lock => createFileLock(paths.lockFile);
