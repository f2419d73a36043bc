import { AgentError } from "../../errors/agent-error.ts";
import type { Store, StoreChanges } from "../../ports/store.ts";
import { formatSnapshot, parseSnapshot, type Snapshot, salvageSnapshot } from "./snapshot.ts";

/** Key of the store under which the snapshot of the running update lives. */
const STATE_KEY = "state";

/** Where the driver keeps the snapshot, together with what the device records of itself. */
export interface Journal {
  /** @throws {AgentError} SNAPSHOT_INVALID */
  load(): Promise<Snapshot | undefined>;
  /** For whoever brings an update to its end: one whose snapshot cannot be understood, too. */
  recover(): Promise<Recovered | undefined>;
  /** Saves both in one transaction; resolves when durable. An idle snapshot is removed. */
  save(snapshot: Snapshot, changes: StoreChanges): Promise<void>;
}

/** `invalid`: why the snapshot holds only what is needed to give the update up. */
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
