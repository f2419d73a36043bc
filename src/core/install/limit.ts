import type { AgentError } from "../../errors/agent-error.ts";
import type { Clock } from "../../ports/clock.ts";

/** Ends what takes too long: a request as a whole, or one part of it after the other. */
export interface Limit {
  /** Aborts with the outer signal, and with what is said to be late. */
  readonly signal: AbortSignal;
  /** From now on `late` is asked after each `ms`; the first failure that it gives is the end. Nothing else is asked. */
  begin(ms: number, late: () => AgentError | undefined): void;
  /** Lets go of clock and outer signal. */
  end(): void;
}

/** A limit that has not begun. By hand, since a signal of `AbortSignal.any` is kept by the outer one for good. */
export function createLimit(clock: Clock, outer: AbortSignal): Limit {
  outer.throwIfAborted();
  const limited = new AbortController();
  const forward = (): void => limited.abort(outer.reason);
  outer.addEventListener("abort", forward, { once: true });
  let running = new AbortController();

  async function watch(ms: number, late: () => AgentError | undefined, { signal }: AbortController): Promise<void> {
    for (;;) {
      await clock.sleep(ms, signal);
      const failure = late();
      if (failure !== undefined) return limited.abort(failure);
    }
  }

  return {
    signal: limited.signal,
    begin(ms, late) {
      running.abort();
      running = new AbortController();
      watch(ms, late, running).catch(() => {
        // ignored: it came to its end in time.
      });
    },
    end() {
      running.abort();
      outer.removeEventListener("abort", forward);
    },
  };
}
