import assert from "node:assert/strict";
import type { Store } from "../ports/store.ts";
import type { ContractCheck } from "./contract.ts";

export interface StoreRig {
  /** A store on an empty medium. */
  readonly store: Store;
  /** Opens another store on the same medium, as after a restart. */
  reopen(): Promise<Store>;
}

const entries = async (store: Store): Promise<Record<string, string>> => Object.fromEntries(await store.load());
const changes = (pairs: Record<string, string | undefined>): Map<string, string | undefined> =>
  new Map(Object.entries(pairs));

/** The promises of the `Store` port. Every implementation must keep them. */
export const STORE_CONTRACT: readonly ContractCheck<StoreRig>[] = [
  {
    title: "a new store is empty",
    async run({ store }) {
      assert.deepEqual(await entries(store), {});
    },
  },
  {
    title: "a transaction survives a restart",
    async run({ store, reopen }) {
      await store.transact(changes({ "artifact-name": "v1", "artifact-group": "beta" }));
      assert.deepEqual(await entries(await reopen()), { "artifact-name": "v1", "artifact-group": "beta" });
    },
  },
  {
    title: "a transaction sets, replaces and removes keys and leaves other keys unchanged",
    async run({ store, reopen }) {
      await store.transact(changes({ kept: "1", replaced: "2", removed: "3" }));
      await store.transact(changes({ replaced: "4", removed: undefined, added: "5", never: undefined }));
      assert.deepEqual(await entries(await reopen()), { kept: "1", replaced: "4", added: "5" });
    },
  },
  {
    title: "the store returns every text unchanged, including empty text",
    async run({ store, reopen }) {
      const odd = { empty: "", lines: "a\nb\r\n", quotes: '{"a":"\\u0000"}', signs: "\u0000\u2028ä€🚀" };
      await store.transact(changes(odd));
      assert.deepEqual(await entries(await reopen()), odd);
    },
  },
  {
    title: "the store treats __proto__ like any other key",
    async run({ store, reopen }) {
      await store.transact(new Map([["__proto__", "value"]]));
      assert.deepEqual([...(await (await reopen()).load())], [["__proto__", "value"]]);
    },
  },
  {
    title: "changing the map that load returned does not change the store",
    async run({ store }) {
      await store.transact(changes({ key: "value" }));
      const copy = new Map(await store.load());
      copy.set("key", "other");
      assert.deepEqual(await entries(store), { key: "value" });
    },
  },
  {
    title: "overlapping transactions lose no changes",
    async run({ store, reopen }) {
      await Promise.all(Array.from({ length: 20 }, (_, i) => store.transact(changes({ [`key-${i}`]: String(i) }))));
      assert.equal((await (await reopen()).load()).size, 20);
    },
  },
  {
    title: "the store accepts a value of 256 KiB",
    async run({ store, reopen }) {
      const large = "x".repeat(256 * 1024);
      await store.transact(changes({ state: large }));
      assert.equal((await (await reopen()).load()).get("state"), large);
    },
  },
];
