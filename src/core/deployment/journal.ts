import { AgentError } from "../../errors/agent-error.ts";
import type { Store, StoreChanges } from "../../ports/store.ts";
import { formatSnapshot, parseSnapshot, type Snapshot, salvageSnapshot } from "./snapshot.ts";

/** Store key of the running update's snapshot. */
const STATE_KEY = "state";

/** Stores the driver's snapshot, together with what the device records about itself. */
export interface Journal {
  /** @throws {AgentError} SNAPSHOT_INVALID */
  load(): Promise<Snapshot | undefined>;
  /** As `load`, for resuming an update. Also returns an update whose snapshot is invalid. */
  recover(): Promise<Recovered | undefined>;
  /** Saves both in one transaction; resolves when durable. Removes an idle snapshot. */
  save(snapshot: Snapshot, changes: StoreChanges): Promise<void>;
}

/** `invalid`: the reason why the snapshot holds only what is needed to give up the update. */
export interface Recovered {
  readonly snapshot: Snapshot;
  readonly invalid?: AgentError;
}

export function createJournal(store: Store): Journal {
  const read = async (): Promise<string | undefined> => (await store.load()).get(STATE_KEY);
  return {
    async load() {
      const text = await read();
      return text === undefined ? undefined : parseSnapshot(text);
    },
    async recover() {
      const text = await read();
      if (text === undefined) return undefined;
      try {
        return { snapshot: parseSnapshot(text) };
      } catch (invalid) {
        if (!(invalid instanceof AgentError)) throw invalid;
        return { snapshot: salvageSnapshot(text), invalid };
      }
    },
    save(snapshot, changes) {
      const state = snapshot.state === "idle" ? undefined : formatSnapshot(snapshot);
      return store.transact(new Map([...changes, [STATE_KEY, state]]));
    },
  };
}
