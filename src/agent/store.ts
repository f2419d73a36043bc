import { createFileStore } from "../../adapters/store/file-store.ts";
import type { Paths } from "../config/paths.ts";
import type { Store } from "../ports/store.ts";
import type { Logger } from "../util/logger.ts";
import type { Host } from "./host.ts";

/** What `rootfs-image` keeps: the slot to go back to, or a rollback that it owes. */
export const ORIGIN_KEY = "rootfs-image-origin";

/**
 * The device's store alone: `show-artifact` and `show-provides` need nothing else but the lock. Of the machine that this
 * process runs on only the files are loaded.
 */
export const composeStore = (paths: Paths, log: Logger, host?: Host): Store =>
  createFileStore(paths.datastore, log, host?.files);
