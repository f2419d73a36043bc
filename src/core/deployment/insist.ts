import { AgentError, describeError } from "../../errors/agent-error.ts";
import { entryOf } from "../../errors/catalogue.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../util/logger.ts";
import { type BackoffLimits, backoffMs, withJitter } from "../poller/backoff.ts";

export interface InsistParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: BackoffLimits;
  /** At least 0 and less than 1. */
  random(): number;
}

/** Repeats one delivery to the server until it succeeds or the attempts are used up. */
export type Insist = <T>(what: string, deliver: () => Promise<T>, signal: AbortSignal) => Promise<T>;

/**
 * How long, and how often, a server may postpone one delivery. A device that waits to commit runs a system on trial: it
 * loses that system at the next power cut, and cannot start another update.
 */
const MAX_POSTPONED_MS = 4 * 3600 * 1000;
const MAX_POSTPONED = 100;

/**
 * Waits between attempts according to the back-off. If the server names a delay (`retryAfterMs`), that delay applies
 * and the attempt does not count, until the server has used up its limit; after that, it is a failure like any other. A
 * failure whose code excludes a retry ends the attempts.
 *
 * @throws {AgentError} the last failure
 */
export function createInsist({ clock, log, limits, random }: InsistParts): Insist {
  return async (what, deliver, signal) => {
    let failures = 0;
    let postponed = 0;
    let postponedMs = 0;
    for (;;) {
      try {
        return await deliver();
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof AgentError) || entryOf(error.code).retry !== true) throw error;
        const waitMs = wait(error);
        if (waitMs === undefined) throw error;
        log("warning", `${what}: ${describeError(error)}; next attempt in ${Math.ceil(waitMs / 1000)} s`);
        await clock.sleep(waitMs, signal);
      }
    }

    function wait({ detail }: AgentError): number | undefined {
      const { retryAfterMs } = detail;
      const leftMs = MAX_POSTPONED_MS - postponedMs;
      if (typeof retryAfterMs === "number" && postponed < MAX_POSTPONED && leftMs > 0) {
        // Add at most a tenth: the server gave the whole fleet the same delay.
        const waitMs = Math.min(withJitter(retryAfterMs, random() / 10), leftMs);
        postponed += 1;
        postponedMs += waitMs;
        return waitMs;
      }
      failures += 1;
      const intervalMs = backoffMs(failures, limits);
      return intervalMs === undefined ? undefined : withJitter(intervalMs, random());
    }
  };
}
