/** Time. Wall time may jump (a device boots in 1970 and then learns the date); schedules use `monotonicMs`. */
export interface Clock {
  /** Wall time in milliseconds since 1970. */
  nowMs(): number;
  /** Milliseconds since some moment; never goes back. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls back once, after `ms`, or 24 days where that is less. @returns ends it before that */
  startTimer(ms: number, call: () => void): () => void;
  /** A signal that aborts after `ms`; does not keep the process alive. */
  deadline(ms: number): AbortSignal;
}
