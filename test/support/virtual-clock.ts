import { createClock } from "@sinonjs/fake-timers";
import type { Clock } from "../../src/ports/clock.ts";

export interface VirtualClock extends Clock {
  /** Lets `ms` pass, and fires everything that is due meanwhile, in order. */
  pass(ms: number): Promise<void>;
  /** Lets time pass until the next timer is due, and fires it. */
  passToNext(): Promise<void>;
  /** Number of pending timers. */
  readonly waiting: number;
  /** Called when a timer is added. */
  onWait: () => void;
}

/** A clock that stands still until the test lets time pass. */
export function createVirtualClock(): VirtualClock {
  const timers = createClock(0);
  const clock: VirtualClock = {
    onWait: () => undefined,
    nowMs: () => timers.now,
    monotonicMs: () => timers.now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        clock.onWait();
        const abort = (): void => {
          timers.clearTimeout(timer);
          reject(signal.reason);
        };
        const timer = timers.setTimeout(() => {
          signal.removeEventListener("abort", abort);
          resolve();
        }, ms);
        signal.addEventListener("abort", abort, { once: true });
      }),
    deadline(ms) {
      const controller = new AbortController();
      clock.onWait();
      timers.setTimeout(() => controller.abort(), ms);
      return controller.signal;
    },
    async pass(ms) {
      await timers.tickAsync(ms);
    },
    async passToNext() {
      await timers.nextAsync();
    },
    get waiting() {
      return timers.countTimers();
    },
    startTimer(ms, call) {
      clock.onWait();
      const timer = timers.setTimeout(call, ms);
      return () => timers.clearTimeout(timer);
    },
  };
  return clock;
}
