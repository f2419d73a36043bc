import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { allocateBuffers } from "../../../adapters/linux/aligned-buffers.ts";
import type { BlockFile } from "../../../adapters/linux/block-file.ts";
import { readStorage } from "../../../adapters/linux/read-storage.ts";
import { createFaultyDisk, type FaultyDiskOptions } from "../../support/faulty-device.ts";

const BLOCK = 4096;
const BUFFER = 2 * BLOCK;
const content = randomBytes(9 * BLOCK);

/** A faulty disk whose reads and closing are counted. */
function observed(options: Partial<FaultyDiskOptions> = {}) {
  const storage = createFaultyDisk({ content, ...options }).open();
  const seen = { reads: [] as string[], closed: 0 };
  const counting: BlockFile = {
    ...storage,
    read(into, offset) {
      seen.reads.push(`${offset}+${into.length}`);
      return storage.read(into, offset);
    },
    async close() {
      seen.closed += 1;
    },
  };
  return { seen, storage: counting };
}

const reading = (storage: BlockFile, bytes: number, signal = new AbortController().signal) =>
  readStorage(storage, { bytes, buffers: allocateBuffers(3, BUFFER).buffers, signal });

async function all(storage: BlockFile, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of reading(storage, bytes)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

for (const direct of [true, false]) {
  for (const bytes of [0, 1, BLOCK, BUFFER, BUFFER + 1, 9 * BLOCK - 1, 9 * BLOCK]) {
    test(`the first ${bytes} bytes come as they are, ${direct ? "direct" : "buffered"}, and the storage is closed`, async () => {
      const { seen, storage } = observed({ direct });
      expect((await all(storage, bytes)).equals(content.subarray(0, bytes))).toBe(true);
      expect(seen.closed).toBe(1);
    });
  }
}

test("an end within a block is read with its whole block, so that it comes from the device too", async () => {
  const { seen, storage } = observed({ direct: true });
  await all(storage, BUFFER + 100);
  expect(seen.reads).toEqual([`0+${BUFFER}`, `${BUFFER}+${BLOCK}`]);
});

test("what comes next is read ahead, as far as there are buffers", async () => {
  const { seen, storage } = observed();
  const chunks = reading(storage, 9 * BLOCK);
  await chunks.next();
  expect(seen.reads.length).toBe(3);
  await chunks.next();
  expect(seen.reads.length).toBe(4);
  await chunks.return();
  expect(seen.closed).toBe(1);
});

test("short reads are completed", async () => {
  const { storage } = observed({ direct: true, longestAccessBytes: BLOCK + 512 });
  expect((await all(storage, 9 * BLOCK)).equals(content)).toBe(true);
});

test("storage that ends early is an error that says where", async () => {
  const { seen, storage } = observed();
  await expect(all(storage, 9 * BLOCK + 1)).rejects.toMatchObject({
    code: "SLOT_IO",
    detail: { operation: "read", offset: 8 * BLOCK, moved: BLOCK },
  });
  expect(seen.closed).toBe(1);
});

test("a bad sector is an error with its errno, and the storage is closed", async () => {
  const { seen, storage } = observed({ badSectors: [30] });
  await expect(all(storage, 9 * BLOCK)).rejects.toMatchObject({
    code: "SLOT_IO",
    detail: { operation: "read", offset: BUFFER, errno: "EIO" },
  });
  expect(seen.closed).toBe(1);
});

test("an aborted signal ends it with the signal's reason, and the storage is closed", async () => {
  const controller = new AbortController();
  const { seen, storage } = observed();
  const chunks = reading(storage, 9 * BLOCK, controller.signal);
  await chunks.next();
  controller.abort(new Error("stop now"));
  await expect(chunks.next()).rejects.toThrow("stop now");
  expect(seen.closed).toBe(1);
});
