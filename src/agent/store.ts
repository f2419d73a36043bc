import { createFileStore } from "../../adapters/store/file-store.ts";
import type { Paths } from "../config/paths.ts";
import type { Store } from "../ports/store.ts";
import type { Logger } from "../util/logger.ts";
import type { Host } from "./host.ts";

/** Here `rootfs-image` stores the slot to return to, or a rollback that it still owes. */
export const ORIGIN_KEY = "rootfs-image-origin";

/**
 * The device's store. `show-artifact` and `show-provides` need only this and the lock, so it loads only the host's
 * file adapter.
 */
export const composeStore = (paths: Paths, log: Logger, host?: Host): Store =>
  createFileStore(paths.datastore, log, host?.files);
