import type { Clock } from "../../ports/clock.ts";
import type { Transport } from "../../ports/transport.ts";
import type { Logger } from "../../util/logger.ts";
import type { MinimumRate } from "./rate.ts";

export interface DownloadLimits {
  /** Times in a row that a download may be tried again without getting on. */
  readonly retryDownloadCount: number;
  /** Longest wait before that. */
  readonly retryDownloadWaitMs: number;
  readonly bytesPerSecond?: number;
  /** A download that is slower breaks off. */
  readonly slowest: MinimumRate;
}

export interface DownloadParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: DownloadLimits;
  /** From 0 up to, not including, 1; absent: by chance. */
  readonly random?: () => number;
}
