import type { Clock } from "../../src/ports/clock.ts";

/** How long a request and its answer may take in all. */
export interface TimeLimit {
  readonly ms: number;
  readonly startTimer: Clock["startTimer"];
  reason(): Error;
}

/**
 * What ends a request before its time: the signal of whoever asks, or its time limit. By hand, and one for the whole of
 * the request: signals that are combined anew for each step were a tenth of what a poll costs.
 */
export class Patience {
  readonly #signal: AbortSignal;
  readonly #stopTimer: (() => void) | undefined;
  #over: { readonly reason: unknown } | undefined;
  #listener: ((reason: unknown) => void) | undefined;

  constructor(signal: AbortSignal, limit?: TimeLimit) {
    this.#signal = signal;
    if (signal.aborted) this.#over = { reason: signal.reason };
    signal.addEventListener("abort", this.#abort);
    this.#stopTimer = limit?.startTimer(limit.ms, () => this.#lose(limit.reason()));
  }

  /** Tells of the end, which may have been; nobody else from now on. */
  tell(listener: (reason: unknown) => void): void {
    this.#listener = listener;
    if (this.#over !== undefined) listener(this.#over.reason);
  }

  /** The request is done with. */
  release(): void {
    this.#stopTimer?.();
    this.#signal.removeEventListener("abort", this.#abort);
  }

  readonly #abort = (): void => this.#lose(this.#signal.reason);

  #lose(reason: unknown): void {
    this.#over ??= { reason };
    this.#listener?.(this.#over.reason);
  }
}
