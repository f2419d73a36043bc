import type { Clock } from "../../src/ports/clock.ts";

/** How long a request and its answer may take in all. */
export interface TimeLimit {
  readonly ms: number;
  readonly startTimer: Clock["startTimer"];
  reason(): Error;
}

/** Who wants to know when a signal aborts. */
const LISTENERS = new WeakMap<AbortSignal, Set<(reason: unknown) => void>>();

/**
 * Of the signal itself one listener is asked for, however many requests it is the end of: to add and remove one for
 * each was a sixteenth of all the code that a poll ran through.
 */
function listenersOf(signal: AbortSignal): Set<(reason: unknown) => void> {
  const known = LISTENERS.get(signal);
  if (known !== undefined) return known;
  const listeners = new Set<(reason: unknown) => void>();
  LISTENERS.set(signal, listeners);
  signal.addEventListener("abort", () => {
    for (const listener of listeners) listener(signal.reason);
  });
  return listeners;
}

/**
 * What ends a request before its time: the signal of whoever asks, which has not aborted yet, or its time limit. By
 * hand, and one for all of the request: signals that were combined anew for each step of it cost a poll more than the
 * answer.
 */
export class RequestTimeout {
  readonly #listeners: Set<(reason: unknown) => void>;
  readonly #stopTimer: (() => void) | undefined;
  #over: { readonly reason: unknown } | undefined;
  #told: ((reason: unknown) => void) | undefined;

  constructor(signal: AbortSignal, limit?: TimeLimit) {
    this.#listeners = listenersOf(signal);
    this.#listeners.add(this.#lose);
    this.#stopTimer = limit?.startTimer(limit.ms, () => this.#lose(limit.reason()));
  }

  /** Tells of the end, which may have been; nobody else from now on. */
  tell(listener: (reason: unknown) => void): void {
    this.#told = listener;
    if (this.#over !== undefined) listener(this.#over.reason);
  }

  /** The request is done with. */
  release(): void {
    this.#stopTimer?.();
    this.#listeners.delete(this.#lose);
  }

  readonly #lose = (reason: unknown): void => {
    this.#over ??= { reason };
    this.#told?.(this.#over.reason);
  };
}
