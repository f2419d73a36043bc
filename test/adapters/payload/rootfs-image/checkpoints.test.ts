import { expect, test } from "vitest";
import { createCheckpoints } from "../../../../adapters/payload/rootfs-image/checkpoints.ts";
import type { PayloadFile } from "../../../../src/ports/payload-handler.ts";
import type { SlotWriter } from "../../../../src/ports/slot-device.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const MIB = 1024 * 1024;
const never = new AbortController().signal;

/** An image whose writer takes `syncMs` for each sync. */
function rig(syncMs: number, failure?: Error) {
  const clock = createVirtualClock();
  const kept: number[] = [];
  let advanced = 0;
  const writer = {
    async checkpoint() {
      const safe = advanced;
      await clock.sleep(syncMs, never);
      if (failure !== undefined) throw failure;
      return safe;
    },
  } as SlotWriter;
  const image: PayloadFile = {
    name: "image",
    sizeBytes: 100 * MIB,
    sha256: "",
    read: () => 0,
    keep: async (storedBytes) => void kept.push(storedBytes / MIB),
  };
  const checkpoints = createCheckpoints(image, writer, clock);
  return {
    clock,
    kept,
    checkpoints,
    /** Delivers one MiB every `ms`. */
    async arrive(count: number, ms: number): Promise<void> {
      for (let i = 0; i < count; i++) {
        advanced += MIB;
        checkpoints?.advanced(MIB);
        await clock.pass(ms);
      }
    },
  };
}

test("what has arrived is kept every 2 MiB", async () => {
  const { arrive, kept } = rig(1);
  await arrive(9, 1000);
  expect(kept).toEqual([2, 4, 6, 8]);
});

test("checkpoints take no more than a quarter of the time, on a fast line and slow storage", async () => {
  const { arrive, kept } = rig(100);
  await arrive(20, 50);
  expect(kept).toEqual([2, 10, 18]);
});

test("however long one takes, the next begins as soon as 16 MiB have come since", async () => {
  const { arrive, kept } = rig(1000);
  await arrive(60, 50);
  expect(kept).toEqual([2, 22]);
});

test("a checkpoint that fails ends the writing, and none is on its way afterwards", async () => {
  const failure = new Error("EIO");
  const { arrive, checkpoints } = rig(10, failure);
  await arrive(2, 20);
  expect(() => checkpoints?.advanced(1)).toThrow(failure);
  await checkpoints?.settled();
});

test("no checkpoint is made if nobody receives it", () => {
  const image: PayloadFile = { name: "image", sizeBytes: 1, sha256: "", read: () => 0 };
  expect(createCheckpoints(image, {} as SlotWriter, createVirtualClock())).toBeUndefined();
});
