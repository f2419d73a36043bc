import type { Paths } from "../../config/paths.ts";
import type { GuardedProcess } from "../../ports/process.ts";
import type { Store } from "../../ports/store.ts";
import type { Logger } from "../../util/logger.ts";
import type { Host } from "../host.ts";

/** What the handlers of payloads need. */
export interface ModuleParts {
  readonly host: Host;
  /** Runs update modules. */
  readonly programs: GuardedProcess;
  readonly paths: Paths;
  readonly store: Store;
  readonly log: Logger;
  /** Time limit of each call of a module. */
  readonly timeoutMs: number;
  readonly deviceTypeFile: string;
}
