import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RecentlyUsed } from "../../../server/domain/recently-used.ts";

const LIMIT = 8;

describe("a map that forgets what was not used for long", () => {
  it("keeps the half of its limit that was used last, holds no more than its limit, and never an old value", () => {
    const key = fc.integer({ min: 0, max: 9 });
    const act = fc.oneof(
      fc.record({ kind: fc.constant("set" as const), key, value: fc.integer() }),
      fc.record({ kind: fc.constant("get" as const), key }),
      fc.record({ kind: fc.constant("delete" as const), key }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 100, size: "max" }), (acts) => {
        const map = new RecentlyUsed<number, number>(LIMIT);
        /** All that was ever kept, the last used at the end. What was deleted keeps its place. */
        const model = new Map<number, number | undefined>();
        for (const one of acts) {
          const last = [...model.keys()].slice(-LIMIT / 2);
          const before = model.get(one.key);
          if (one.kind === "set") map.set(one.key, one.value);
          else if (one.kind === "delete") map.delete(one.key);
          const found = one.kind === "get" ? map.get(one.key) : undefined;
          if (one.kind === "get" && last.includes(one.key)) expect(found).toBe(before);
          if (found !== undefined) expect(found).toBe(before);
          if (one.kind === "delete" && before !== undefined) model.set(one.key, undefined);
          if (one.kind === "set" || found !== undefined) {
            model.delete(one.key);
            model.set(one.key, one.kind === "set" ? one.value : found);
          }
          expect(map.entries().length).toBeLessThanOrEqual(LIMIT);
        }
        map.clear();
        expect(map.entries()).toEqual([]);
      }),
    );
  });
});
