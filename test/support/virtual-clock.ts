import { createClock } from "@sinonjs/fake-timers";
import type { Clock } from "../../src/ports/clock.ts";

export interface VirtualClock extends Clock {
  /** Lets `ms` pass, and everything that is due in it happen, in order. */
  pass(ms: number): Promise<void>;
}

/** A clock that stands still until the test lets time pass. */
export function createVirtualClock(): VirtualClock {
  const timers = createClock(0);
  return {
    nowMs: () => timers.now,
    monotonicMs: () => timers.now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const timer = timers.setTimeout(() => resolve(), ms);
        signal.addEventListener("abort", () => {
          timers.clearTimeout(timer);
          reject(signal.reason);
        });
      }),
    deadline(ms) {
      const controller = new AbortController();
      timers.setTimeout(() => controller.abort(), ms);
      return controller.signal;
    },
    async pass(ms) {
      await timers.tickAsync(ms);
    },
  };
}
