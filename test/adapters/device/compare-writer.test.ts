import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { createCompareWriter } from "../../../adapters/device/compare-writer.ts";
import { allocateBuffers } from "../../../adapters/linux/aligned-buffers.ts";
import type { BlockFile } from "../../../adapters/linux/block-file.ts";
import type { SlotWriter } from "../../../src/ports/slot-device.ts";
import { createFaultyDisk, type FaultyDisk } from "../../support/faulty-device.ts";

const BLOCK = 4096;
const FRAME = 4 * BLOCK;
const signal = new AbortController().signal;

/** Small frames, so that a small image has many. */
const writerOn = (
  storage: BlockFile,
  imageBytes: number,
  to: { signal?: AbortSignal; unsyncedBytes?: number; fromBytes?: number } = {},
) => createCompareWriter(storage, { signal, ...to, imageBytes, buffers: allocateBuffers(6, FRAME).buffers });

/** Differs from `image` in every byte, for an image of any length, and continues with random bytes. */
const unlike = (image: Uint8Array, bytes: number) =>
  Buffer.concat([image.map((byte) => byte ^ 0xff), randomBytes(bytes - image.length)]);

async function feed(writer: SlotWriter, image: Uint8Array, chunk = 5000): Promise<void> {
  for (let at = 0; at < image.length; ) {
    const room = await writer.room();
    const count = Math.min(room.length, chunk, image.length - at);
    room.set(image.subarray(at, at + count));
    await writer.advance(count);
    at += count;
  }
}

async function install(disk: FaultyDisk, image: Uint8Array, chunk?: number) {
  const writer = writerOn(disk.open(), image.length);
  try {
    await feed(writer, image, chunk);
    return await writer.sync();
  } finally {
    await writer.close();
  }
}

for (const direct of [false, true]) {
  for (const imageBytes of [1, 511, 512, BLOCK - 1, BLOCK, FRAME, FRAME + 1, 9 * FRAME, 10 * FRAME - 100]) {
    for (const chunk of [977, FRAME]) {
      test(`an image of ${imageBytes} bytes in pieces of ${chunk} lands as it is, ${direct ? "direct" : "buffered"}`, async () => {
        const image = randomBytes(imageBytes);
        const before = unlike(image, 10 * FRAME);
        const disk = createFaultyDisk({ content: before, direct });
        expect(await install(disk, image, chunk)).toEqual({ writtenBytes: imageBytes, skippedBytes: 0 });
        expect(Buffer.from(disk.content().subarray(0, imageBytes)).equals(image)).toBe(true);
        const rest = Buffer.from(disk.content().subarray(imageBytes));
        expect(rest.equals(before.subarray(imageBytes)), "bytes after the image stay").toBe(true);
      });
    }
  }
}

test("blocks that the slot already holds are not written", async () => {
  const before = randomBytes(8 * FRAME);
  const image = Buffer.from(before.subarray(0, 6 * FRAME + 100));
  const changed = [0, 5, 6, 7, 15, 24];
  for (const block of changed) image[block * BLOCK + 17] = (image[block * BLOCK + 17] ?? 0) ^ 1;
  const disk = createFaultyDisk({ content: before });
  const writtenBytes = (changed.length - 1) * BLOCK + 100;
  expect(await install(disk, image)).toEqual({ writtenBytes, skippedBytes: image.length - writtenBytes });
  expect(disk.writtenBytes).toBe(writtenBytes);
  expect(Buffer.from(disk.content().subarray(0, image.length)).equals(image)).toBe(true);
});

test("a slot that is nowhere like the image is soon read in samples only", async () => {
  const frames = 64;
  const disk = createFaultyDisk({ content: randomBytes(frames * FRAME) });
  const image = randomBytes(frames * FRAME);
  expect(await install(disk, image)).toEqual({ writtenBytes: image.length, skippedBytes: 0 });
  expect(Buffer.from(disk.content()).equals(image)).toBe(true);
  expect(disk.readBytes).toBeLessThan((frames / 4) * FRAME);
});

test("from the first sample on that is like the image, what is equal is found again", async () => {
  const [unlike, like] = [20, 40];
  const image = randomBytes((unlike + like) * FRAME);
  const before = Buffer.concat([randomBytes(unlike * FRAME), image.subarray(unlike * FRAME)]);
  const disk = createFaultyDisk({ content: before });
  const { writtenBytes, skippedBytes } = await install(disk, image);
  expect(writtenBytes + skippedBytes).toBe(image.length);
  // The frames before the next sample, and those that were in progress when the writer read it.
  expect(skippedBytes).toBeGreaterThanOrEqual((like - 7 - 3) * FRAME);
  expect(Buffer.from(disk.content()).equals(image)).toBe(true);
});

test("an image that is there already costs no write", async () => {
  const image = randomBytes(5 * FRAME + 777);
  const disk = createFaultyDisk({ content: Buffer.concat([image, randomBytes(FRAME)]) });
  expect(await install(disk, image)).toEqual({ writtenBytes: 0, skippedBytes: image.length });
  expect(disk.writtenBytes).toBe(0);
});

for (const fromBytes of [BLOCK, FRAME, 2 * FRAME + 3 * BLOCK, 3 * FRAME]) {
  test(`an image continued at ${fromBytes} of ${3 * FRAME} bytes leaves what is before it alone`, async () => {
    const image = randomBytes(3 * FRAME);
    const before = randomBytes(4 * FRAME);
    const disk = createFaultyDisk({ content: before, direct: true });
    const writer = writerOn(disk.open(), image.length, { fromBytes });
    await feed(writer, image.subarray(fromBytes));
    expect(await writer.sync()).toEqual({ writtenBytes: image.length - fromBytes, skippedBytes: 0 });
    await writer.close();
    const expected = Buffer.concat([
      before.subarray(0, fromBytes),
      image.subarray(fromBytes),
      before.subarray(3 * FRAME),
    ]);
    expect(Buffer.from(disk.content()).equals(expected)).toBe(true);
  });
}

for (const [fedBytes, safeBytes] of [
  [0, 0],
  [FRAME - 1, 0],
  [2 * FRAME, 2 * FRAME],
  [3 * FRAME + 5, 3 * FRAME],
] as const) {
  test(`a checkpoint after ${fedBytes} bytes makes ${safeBytes} survive a power cut, and writing continues`, async () => {
    const image = randomBytes(5 * FRAME);
    const disk = createFaultyDisk({ content: new Uint8Array(5 * FRAME) });
    const writer = writerOn(disk.open(), image.length);
    await feed(writer, image.subarray(0, fedBytes));
    expect(await writer.checkpoint()).toBe(safeBytes);
    disk.powerCut(() => "lost");
    expect(Buffer.from(disk.content().subarray(0, safeBytes)).equals(image.subarray(0, safeBytes))).toBe(true);
    await feed(writer, image.subarray(fedBytes));
    expect(await writer.sync()).toEqual({ writtenBytes: image.length, skippedBytes: 0 });
    await writer.close();
    expect(Buffer.from(disk.content()).equals(image)).toBe(true);
  });
}

test("after sync no power cut takes a byte of the image", async () => {
  const image = randomBytes(9 * FRAME + 5);
  const disk = createFaultyDisk({ content: new Uint8Array(10 * FRAME) });
  await install(disk, image);
  disk.powerCut(() => "lost");
  expect(Buffer.from(disk.content().subarray(0, image.length)).equals(image)).toBe(true);
});

for (const fate of ["lost", "kept", "torn"] as const) {
  test(`after a power cut at any act, unsynced writes ${fate}, the image can be installed again`, async () => {
    const image = randomBytes(4 * FRAME + 5);
    for (let cutAt = 1; ; cutAt++) {
      let on = true;
      const disk = createFaultyDisk({
        content: new Uint8Array(5 * FRAME),
        beforeAct: (_, number) => {
          if (on && number >= cutAt) throw new Error("power cut");
        },
      });
      const done = await install(disk, image).then(
        () => true,
        () => false,
      );
      if (done) {
        expect(cutAt, "every act was cut once").toBe(disk.acts + 1);
        return;
      }
      on = false;
      disk.powerCut((write) => (write % 2 === 0 ? fate : "kept"));
      await install(disk, image);
      expect(Buffer.from(disk.content().subarray(0, image.length)).equals(image)).toBe(true);
    }
  });
}

for (const direct of [false, true]) {
  test(`short accesses are completed, ${direct ? "direct" : "buffered"}`, async () => {
    const image = randomBytes(3 * FRAME + 100);
    const disk = createFaultyDisk({
      content: randomBytes(4 * FRAME),
      direct,
      longestAccessBytes: direct ? BLOCK + 512 : 1000,
    });
    await install(disk, image);
    expect(Buffer.from(disk.content().subarray(0, image.length)).equals(image)).toBe(true);
  });
}

test("direct storage that takes less than a block at once is an error, not an endless loop", async () => {
  const disk = createFaultyDisk({ content: new Uint8Array(FRAME), direct: true, longestAccessBytes: 512 });
  await expect(install(disk, randomBytes(FRAME))).rejects.toMatchObject({ code: "SLOT_IO" });
});

test("slow storage is also written completely", async () => {
  const image = randomBytes(6 * FRAME);
  const disk = createFaultyDisk({ content: new Uint8Array(6 * FRAME), accessMs: 5 });
  expect(await install(disk, image)).toEqual({ writtenBytes: image.length, skippedBytes: 0 });
  expect(Buffer.from(disk.content()).equals(image)).toBe(true);
});

test("storage that ends early is an error with its errno", async () => {
  const disk = createFaultyDisk({ content: new Uint8Array(FRAME) });
  await expect(install(disk, randomBytes(FRAME + 1))).rejects.toMatchObject({
    code: "SLOT_IO",
    detail: { operation: "write", offset: FRAME, errno: "ENOSPC" },
  });
});

for (const [sector, operation] of [
  [0, "read"],
  [8 * 7, "read"],
  [8 * 15 + 3, "read"],
  // The writer no longer reads the slot, because its old content has nothing in common with the image.
  [8 * 31 + 3, "write"],
] as const) {
  test(`a bad sector ${sector} fails with what was done where, and the writer can be closed`, async () => {
    const disk = createFaultyDisk({ content: new Uint8Array(8 * FRAME), badSectors: [sector] });
    await expect(install(disk, randomBytes(8 * FRAME))).rejects.toMatchObject({
      code: "SLOT_IO",
      detail: { operation, errno: "EIO" },
    });
  });
}

test("a failure of a write comes out of a later call, at the latest of sync, and nothing is synced after it", async () => {
  const acts: string[] = [];
  const disk = createFaultyDisk({
    content: new Uint8Array(2 * FRAME),
    beforeAct: (kind) => {
      acts.push(kind);
      if (kind === "write") throw Object.assign(new Error("full"), { code: "ENOSPC" });
    },
  });
  const writer = writerOn(disk.open(), 100);
  await feed(writer, randomBytes(100));
  await expect(writer.sync()).rejects.toMatchObject({ code: "SLOT_IO", detail: { errno: "ENOSPC" } });
  await writer.close();
  expect(acts).toEqual(["write"]);
});

test("a failure of sync is a failure of the slot", async () => {
  const disk = createFaultyDisk({
    content: new Uint8Array(FRAME),
    beforeAct: (kind) => {
      if (kind === "sync") throw new Error("EIO");
    },
  });
  await expect(install(disk, randomBytes(10))).rejects.toMatchObject({
    code: "SLOT_IO",
    detail: { operation: "sync" },
  });
});

test("behind the image's end there is room to find the source's end, and none to write", async () => {
  const disk = createFaultyDisk({ content: new Uint8Array(2 * FRAME) });
  const writer = writerOn(disk.open(), 10);
  await feed(writer, randomBytes(10));
  expect((await writer.room()).length).toBeGreaterThan(0);
  await writer.advance(0);
  expect(() => writer.advance(1)).toThrow(
    expect.objectContaining({ code: "SLOT_TOO_SMALL", detail: { imageBytes: 11, announcedBytes: 10 } }),
  );
  await writer.close();
});

test("an aborted signal stops the writer with the signal's reason", async () => {
  const controller = new AbortController();
  const disk = createFaultyDisk({ content: new Uint8Array(8 * FRAME) });
  const writer = writerOn(disk.open(), 8 * FRAME, { signal: controller.signal });
  await feed(writer, randomBytes(2 * FRAME));
  controller.abort(new Error("stop now"));
  expect(() => writer.room()).toThrow("stop now");
  await expect(writer.sync()).rejects.toThrow("stop now");
  await writer.close();
});

test("storage behind the page cache is synced during the image, direct storage only at its end", async () => {
  for (const direct of [false, true]) {
    const acts: string[] = [];
    const disk = createFaultyDisk({ content: new Uint8Array(8 * FRAME), direct, beforeAct: (kind) => acts.push(kind) });
    const writer = writerOn(disk.open(), 8 * FRAME, { unsyncedBytes: 2 * FRAME });
    await feed(writer, randomBytes(8 * FRAME));
    await writer.sync();
    await writer.close();
    expect(acts.filter((kind) => kind === "sync").length).toBe(direct ? 1 : 5);
    expect(acts.at(-1)).toBe("sync");
  }
});

test("a slow disk holds the source back: no more frames are in flight than there are buffers", async () => {
  const disk = createFaultyDisk({ content: new Uint8Array(16 * FRAME) });
  const storage = disk.open();
  let openGate = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    openGate = resolve;
  });
  let inFlight = 0;
  const slow: BlockFile = {
    ...storage,
    async write(from, offset) {
      inFlight += 1;
      await gate;
      return await storage.write(from, offset);
    },
  };
  const image = randomBytes(16 * FRAME);
  const writer = writerOn(slow, image.length);
  let fed = false;
  const feeding = feed(writer, image, FRAME).then(() => {
    fed = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(inFlight).toBe(3);
  expect(fed).toBe(false);
  openGate();
  await feeding;
  await writer.sync();
  await writer.close();
  expect(Buffer.from(disk.content()).equals(image)).toBe(true);
});

test("close waits for what is in flight and closes the storage once", async () => {
  const disk = createFaultyDisk({ content: new Uint8Array(4 * FRAME) });
  const storage = disk.open();
  const order: string[] = [];
  const observed: BlockFile = {
    ...storage,
    async write(from, offset) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      order.push("written");
      return await storage.write(from, offset);
    },
    async close() {
      order.push("closed");
    },
  };
  const writer = writerOn(observed, 4 * FRAME);
  await feed(writer, randomBytes(FRAME));
  await Promise.all([writer.close(), writer.close()]);
  expect(order).toEqual(["written", "closed"]);
});
