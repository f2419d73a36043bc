import type { Store, StoreChanges } from "../../ports/store.ts";
import { formatSnapshot, parseSnapshot, type Snapshot } from "./snapshot.ts";

/** Key of the store under which the snapshot of the running update lives. */
const STATE_KEY = "state";

/** Where the driver keeps the snapshot, together with what the device records of itself. */
export interface Journal {
  load(): Promise<Snapshot | undefined>;
  /** Saves both in one transaction; resolves when durable. An idle snapshot is removed. */
  save(snapshot: Snapshot, changes: StoreChanges): Promise<void>;
}

export function createJournal(store: Store): Journal {
  return {
    async load() {
      const text = (await store.load()).get(STATE_KEY);
      return text === undefined ? undefined : parseSnapshot(text);
    },
    save(snapshot, changes) {
      const state = snapshot.state === "idle" ? undefined : formatSnapshot(snapshot);
      return store.transact(new Map([...changes, [STATE_KEY, state]]));
    },
  };
}
