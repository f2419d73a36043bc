import type { Clock } from "../../src/ports/clock.ts";

/** The time limit of a request, including its response. */
export interface TimeLimit {
  readonly ms: number;
  readonly startTimer: Clock["startTimer"];
  reason(): Error;
}

/** The callbacks to call when a signal aborts. */
const LISTENERS = new WeakMap<AbortSignal, Set<(reason: unknown) => void>>();

/**
 * Adds one listener to each signal, shared by all its requests. Adding and removing a listener for each request took a
 * sixteenth of the CPU time of a poll.
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
 * Ends a request early: when the caller's signal aborts (it must not be aborted yet), or at the time limit. It is
 * hand-written, and one instance serves the whole request: combining signals anew for each step cost a poll more than
 * handling the response.
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

  /** Calls `listener` when the request ends early, at once if it already has. Replaces the previous listener. */
  tell(listener: (reason: unknown) => void): void {
    this.#told = listener;
    if (this.#over !== undefined) listener(this.#over.reason);
  }

  /** Stops the timer and the listening; call it when the request is complete. */
  release(): void {
    this.#stopTimer?.();
    this.#listeners.delete(this.#lose);
  }

  readonly #lose = (reason: unknown): void => {
    this.#over ??= { reason };
    this.#told?.(this.#over.reason);
  };
}
