import type { Clock } from "../../ports/clock.ts";
import type { Transport } from "../../ports/transport.ts";
import type { Logger } from "../../util/logger.ts";
import type { MinimumRate } from "./rate.ts";

export interface DownloadLimits {
  /** How often in a row a download may retry without progress. */
  readonly retryDownloadCount: number;
  /** Longest wait before a retry. */
  readonly retryDownloadWaitMs: number;
  readonly bytesPerSecond?: number;
  /** A slower download is interrupted. */
  readonly slowest: MinimumRate;
}

export interface DownloadParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: DownloadLimits;
  /** Returns at least 0 and less than 1; absent: `Math.random`. */
  readonly random?: () => number;
}
