import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../../src/ports/clock.ts";

/** The longest delay of a Node timer, about 24 days; Node fires a longer timer at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The system's clocks. `sleep` keeps the process alive, a deadline does not. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    const end = performance.now() + ms;
    for (let left = ms; left > 0; left = end - performance.now()) {
      signal.throwIfAborted();
      try {
        await wait(Math.min(left, LONGEST_TIMER_MS), undefined, { signal });
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      }
    }
    signal.throwIfAborted();
  },
  startTimer(ms, call) {
    const timer = setTimeout(call, Math.min(ms, LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
  deadline: (ms) => AbortSignal.timeout(Math.min(Math.max(0, Math.ceil(ms)), LONGEST_TIMER_MS)),
};
