import { AgentError, describeError } from "../../errors/agent-error.ts";
import { entryOf } from "../../errors/catalogue.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../util/logger.ts";
import { type BackoffLimits, backoffMs, withJitter } from "../poller/backoff.ts";

export interface InsistParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: BackoffLimits;
  /** From 0 up to, not including, 1. */
  random(): number;
}

/** Repeats one delivery to the server until it is made, or the attempts are used up. */
export type Insist = <T>(what: string, deliver: () => Promise<T>, signal: AbortSignal) => Promise<T>;

/**
 * How long, and how often, a server may put one delivery off. A device that waits to commit runs a system that the next
 * power cut takes from it, and nobody can give it another one.
 */
const MAX_POSTPONED_MS = 4 * 3600 * 1000;
const MAX_POSTPONED = 100;

/**
 * Waits between attempts as the back-off says. Where the server has named a time (`retryAfterMs`) that decides, and the
 * attempt does not count, as long as it has not put off more than it may: from then on it is a failure like any other.
 * A failure whose code says that trying again is of no use is the last.
 *
 * @throws {AgentError} the last failure
 * @see spec "agent-states", section 6
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
        // A tenth more at most: the whole fleet was told the same number.
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
