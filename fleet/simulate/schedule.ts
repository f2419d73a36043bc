/** Acts that are due at a time, in slots of 50 ms: a timer for each of a hundred thousand devices costs too much. */
export interface Schedule {
  /** Calls `act` after `delayMs`, at the earliest. */
  after(delayMs: number, act: () => void): void;
  stop(): void;
}

const SLOT_MS = 50;

export function createSchedule(): Schedule {
  const slots = new Map<number, (() => void)[]>();
  let last = slotOf(performance.now());
  const tick = (): void => {
    const now = slotOf(performance.now());
    for (; last <= now; last += 1) {
      const due = slots.get(last);
      slots.delete(last);
      for (const act of due ?? []) act();
    }
  };
  const timer = setInterval(tick, SLOT_MS);
  return {
    after(delayMs, act) {
      const slot = Math.max(last + 1, slotOf(performance.now() + delayMs));
      const others = slots.get(slot);
      if (others === undefined) slots.set(slot, [act]);
      else others.push(act);
    },
    stop: () => clearInterval(timer),
  };
}

const slotOf = (ms: number): number => Math.floor(ms / SLOT_MS);
