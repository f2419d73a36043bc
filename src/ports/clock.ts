/** Time. Wall time may jump (a device boots in 1970 and then learns the date); schedules use `monotonicMs`. */
export interface Clock {
  /** Wall time in milliseconds since 1970. */
  nowMs(): number;
  /** Milliseconds since an arbitrary moment; never goes back. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason if the signal aborts first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `call` once after `ms`, or after 24 days if that is sooner. @returns a function that cancels the timer */
  startTimer(ms: number, call: () => void): () => void;
  /** A signal that aborts after `ms`; does not keep the process alive. */
  deadline(ms: number): AbortSignal;
}
