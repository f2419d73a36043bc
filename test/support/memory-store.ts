import type { Store } from "../../src/ports/store.ts";

/** Throws where the power fails, as a device would stop there. */
export interface MemoryStorePower {
  /** Called just before a change is durable (`before`) and just after (`after`). */
  at(moment: "before" | "after"): void;
}

const ALWAYS_ON: MemoryStorePower = { at: () => undefined };

/**
 * A store whose content is the caller's map, which survives the store as a disk survives the process. `power` may throw
 * to cut the power around a change.
 */
export function createMemoryStore(disk: Map<string, string> = new Map(), power: MemoryStorePower = ALWAYS_ON): Store {
  return {
    load: async () => new Map(disk),
    async transact(changes) {
      power.at("before");
      for (const [key, value] of changes) {
        if (value === undefined) disk.delete(key);
        else disk.set(key, value);
      }
      power.at("after");
    },
    // Memory does not fill up.
    reserve: async () => undefined,
  };
}
