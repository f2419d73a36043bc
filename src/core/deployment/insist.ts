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

/** A server that only ever says "later" is no server that can be reached. */
const MAX_POSTPONED = 100;

/**
 * Waits between attempts as the back-off says; where the server has named a time (`retryAfterMs`) it decides, and the
 * attempt does not count. A failure whose code says that trying again is of no use is the last.
 *
 * @throws {AgentError} the last failure
 * @see spec "agent-states", section 6
 */
export function createInsist({ clock, log, limits, random }: InsistParts): Insist {
  return async (what, deliver, signal) => {
    let failures = 0;
    let postponed = 0;
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
      if (typeof retryAfterMs === "number") {
        postponed += 1;
        return postponed > MAX_POSTPONED ? undefined : retryAfterMs;
      }
      failures += 1;
      const intervalMs = backoffMs(failures, limits);
      return intervalMs === undefined ? undefined : withJitter(intervalMs, random());
    }
  };
}
