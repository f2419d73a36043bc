import type { PathOptions } from "../config/paths.ts";
import type { LogLevel } from "../util/logger.ts";

/** Options that stand before or after any command, as both generations of the client have them. */
export interface GlobalOptions extends PathOptions {
  readonly logFile?: string | undefined;
  readonly logLevel?: LogLevel | undefined;
  /** PEM file of certificate authorities that are trusted besides the system's. */
  readonly trustedCerts?: string | undefined;
  /** Takes any server certificate. */
  readonly skipVerify: boolean;
}
