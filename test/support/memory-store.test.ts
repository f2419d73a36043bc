import { expect, test } from "vitest";
import { createMemoryStore } from "./memory-store.ts";

for (const [moment, survives] of [
  ["before", "old"],
  ["after", "new"],
] as const) {
  test(`a power cut ${moment} the change leaves the ${survives} state whole`, async () => {
    const disk = new Map([
      ["a", "old"],
      ["b", "old"],
    ]);
    const store = createMemoryStore(disk, {
      at: (now) => {
        if (now === moment) throw new Error("power cut");
      },
    });
    const changes = new Map([
      ["a", "new"],
      ["b", "new"],
    ]);
    await expect(store.transact(changes)).rejects.toThrow("power cut");
    expect(Object.fromEntries(await createMemoryStore(disk).load())).toEqual({ a: survives, b: survives });
  });
}
