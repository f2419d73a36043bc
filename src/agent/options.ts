import type { PathOptions } from "../config/paths.ts";
import type { LogLevel } from "../util/logger.ts";

/** Options before or after any command, as in both generations of the reference client. */
export interface GlobalOptions extends PathOptions {
  readonly logFile?: string | undefined;
  readonly logLevel?: LogLevel | undefined;
  /** PEM file of certificate authorities to trust in addition to the system's. */
  readonly trustedCerts?: string | undefined;
  /** Accepts any server certificate. */
  readonly skipVerify: boolean;
}
