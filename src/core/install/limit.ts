import type { AgentError } from "../../errors/agent-error.ts";
import type { Clock } from "../../ports/clock.ts";

/** A time limit, either for a whole request or for its parts in turn. */
export interface Limit {
  /** Aborts with the outer signal, or with the failure from `late`. */
  readonly signal: AbortSignal;
  /**
   * Calls `late` every `ms` from now on, in place of any earlier callback. The first failure that it returns aborts the
   * signal.
   */
  begin(ms: number, late: () => AgentError | undefined): void;
  /** Releases the clock and the outer signal. */
  end(): void;
}

/**
 * Creates a limit that has not begun. It does not use `AbortSignal.any`, because the outer signal would keep the
 * combined one for ever.
 */
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
        // ignored: the watch ended in time.
      });
    },
    end() {
      running.abort();
      outer.removeEventListener("abort", forward);
    },
  };
}
