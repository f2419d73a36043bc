/** Time. Wall time may jump (a device boots in 1970 and then learns the date); schedules use `monotonicMs`. */
export interface Clock {
  /** Wall time in milliseconds since 1970. */
  nowMs(): number;
  /** Milliseconds since some moment; never goes back. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** A signal that aborts after `ms`; does not keep the process alive. */
  deadline(ms: number): AbortSignal;
}
