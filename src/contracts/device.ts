import type { SlotId } from "../ports/bootloader.ts";
import type { SlotDevice, SlotWriter, WriteStatistics } from "../ports/slot-device.ts";
import { type ContractCheck, expectRefusal, expectSame, expectThat } from "./contract.ts";

/** Two slots of the same size, both with content. The system runs from slot A. */
export interface DeviceRig {
  readonly device: SlotDevice;
  readonly slotBytes: number;
  /** The content of the storage behind `slot`, read without the device. */
  content(slot: SlotId): Promise<Uint8Array>;
}

const { signal } = new AbortController();

/** Pseudo-random bytes that reveal every shift and every swap. */
export function sampleImage(bytes: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  });
}

/** Writes `image` to slot B, at most `piece` bytes at a time. */
export async function putImage(device: SlotDevice, image: Uint8Array, piece = image.length): Promise<WriteStatistics> {
  const writer = await device.open("B", { imageBytes: image.length }, signal);
  try {
    for (let at = 0; at < image.length; ) {
      const room = await writer.room();
      const count = Math.min(room.length, piece, image.length - at);
      room.set(image.subarray(at, at + count));
      await writer.advance(count);
      at += count;
    }
    return await writer.sync();
  } finally {
    await writer.close();
  }
}

export async function readSlot(device: SlotDevice, slot: SlotId, bytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of device.read(slot, bytes, signal)) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

/** Compares bytes and reports the first difference in one line instead of printing both arrays. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  const at = expected.findIndex((byte, index) => actual[index] !== byte);
  expectThat(at === -1, `${what}: byte ${at} is ${actual[at] ?? "missing"}, expected ${expected[at]}`);
  expectSame(actual.length, expected.length, `${what}: its length in bytes`);
}

/** How often a writer may make its source wait after a checkpoint request, before the earlier bytes must be written. */
const MAX_WAITS = 8;

const PIECE_BYTES = 64 * 1024;

/** Feeds `image` from `at` to at least `end`, in pieces. @returns the position reached */
async function feed(writer: SlotWriter, image: Uint8Array, at: number, end: number): Promise<number> {
  let place = at;
  while (place < end) {
    const room = await writer.room();
    const count = Math.min(room.length, PIECE_BYTES, image.length - place);
    room.set(image.subarray(place, place + count));
    await writer.advance(count);
    place += count;
  }
  return place;
}

/** The promises of the `SlotDevice` port. Every implementation must keep them. */
export const DEVICE_CONTRACT: readonly ContractCheck<DeviceRig>[] = [
  {
    title: "a slot returns the image that was written, for any image length and any chunk size",
    async run({ device, slotBytes }) {
      for (const [bytes, piece] of [
        [1, 1],
        [4096, 4096],
        [100_001, 7001],
        [slotBytes, slotBytes],
      ] as const) {
        const image = sampleImage(bytes, bytes);
        await putImage(device, image, piece);
        expectBytes(await readSlot(device, "B", bytes), image, `an image of ${bytes} bytes`);
      }
    },
  },
  {
    title: "the device stores an image in the requested slot and leaves the other slot unchanged",
    async run({ device, content }) {
      const other = await content("A");
      const image = sampleImage(150_000);
      await putImage(device, image);
      expectBytes((await content("B")).subarray(0, image.length), image, "content of the slot");
      expectBytes(await content("A"), other, "content of the other slot");
    },
  },
  {
    title: "the written and skipped bytes add up to the size of the image",
    async run({ device }) {
      const image = sampleImage(150_000);
      for (let time = 0; time < 2; time += 1) {
        const { writtenBytes, skippedBytes } = await putImage(device, image);
        expectSame(writtenBytes + skippedBytes, image.length, "written bytes plus skipped bytes");
      }
    },
  },
  {
    title: "the device refuses an image larger than the slot before it writes the first byte",
    async run({ device, slotBytes, content }) {
      const before = await content("B");
      const writing = putImage(device, sampleImage(slotBytes + 1));
      await expectRefusal(writing, "writing an image one byte larger than the slot", "SLOT_TOO_SMALL");
      expectBytes(await content("B"), before, "content of the slot");
    },
  },
  {
    title: "the device refuses to write the running slot, but reads it",
    async run({ device, content }) {
      const before = await content("A");
      const write = async () => (await device.open("A", { imageBytes: 512 }, signal)).close();
      await expectRefusal(write(), "opening the running slot for writing", "SLOT_BUSY");
      expectBytes(await content("A"), before, "content of the slot");
      expectBytes(await readSlot(device, "A", before.length), before, "content read from the slot");
    },
  },
  {
    title: "closing without sync releases the slot for the next image",
    async run({ device, content }) {
      const other = await content("A");
      const writer = await device.open("B", { imageBytes: 150_000 }, signal);
      const room = await writer.room();
      await writer.advance(Math.min(room.length, 50_000));
      await writer.close();
      await writer.close();
      expectBytes(await content("A"), other, "content of the other slot");
      const image = sampleImage(150_000);
      await putImage(device, image);
      expectBytes(await readSlot(device, "B", image.length), image, "the next image");
    },
  },
  {
    title: "the device does not count a truncated image as complete",
    async run({ device }) {
      const writer = await device.open("B", { imageBytes: 150_000 }, signal);
      try {
        await writer.room();
        await writer.advance(1);
        const written = await writer.sync().then(
          ({ writtenBytes, skippedBytes }) => writtenBytes + skippedBytes,
          () => "refused",
        );
        expectThat(
          written === 1 || written === "refused",
          `one byte of an image was written, but the device counts ${written}`,
        );
      } finally {
        await writer.close();
      }
    },
  },
  {
    title: "the device refuses more bytes than announced",
    async run({ device }) {
      const writer = await device.open("B", { imageBytes: 10 }, signal);
      try {
        await writer.room();
        await writer.advance(10);
        await writer.room();
        const advancing = (async () => writer.advance(1))();
        await expectRefusal(advancing, "writing byte 11 of a 10-byte image", "SLOT_TOO_SMALL");
      } finally {
        await writer.close();
      }
    },
  },
  {
    title: "reading past the slot's end is an error",
    async run({ device, slotBytes }) {
      await expectRefusal(readSlot(device, "B", slotBytes + 1), "reading one byte past the slot's end", "SLOT_IO");
    },
  },
  {
    title: "after a read that stops half-way, the slot can be written and read again",
    async run({ device, slotBytes }) {
      for await (const chunk of device.read("B", slotBytes, signal)) {
        expectThat(chunk.length > 0, "the device returned an empty first chunk");
        break;
      }
      const image = sampleImage(10_000);
      await putImage(device, image);
      expectBytes(await readSlot(device, "B", image.length), image, "content of the slot");
    },
  },
  {
    title: "a cancelled write fails with the reason for the cancellation",
    async run({ device }) {
      const cancel = new AbortController();
      const writer = await device.open("B", { imageBytes: 150_000 }, cancel.signal);
      try {
        cancel.abort(new Error("cancelled"));
        const found = await (async () => writer.room())().catch(String);
        expectSame(found, "Error: cancelled", "writing after the cancellation");
      } finally {
        await writer.close();
      }
    },
  },
  {
    title: "a checkpoint completes once the writes before it are stored, even if more writes follow",
    async run({ device, slotBytes, content }) {
      const image = sampleImage(slotBytes);
      const writer = await device.open("B", { imageBytes: slotBytes }, signal);
      try {
        let at = await feed(writer, image, 0, slotBytes / 4);
        let waits: number | undefined = 0;
        const answered = writer.checkpoint().then(async (safeBytes) => {
          waits = undefined;
          return { safeBytes, stored: await content("B") };
        });
        answered.catch(() => {
          // ignored: the test awaits it below, after the image.
        });
        for (const given = at; at < slotBytes; ) {
          const room = writer.room();
          if (room instanceof Promise && waits !== undefined) waits += 1;
          expectThat((waits ?? 0) <= MAX_WAITS, `the checkpoint is not complete after ${at - given} more bytes`);
          await room;
          at = await feed(writer, image, at, at + 1);
        }
        await writer.sync();
        const { safeBytes, stored } = await answered;
        expectThat(
          safeBytes <= slotBytes / 4 + PIECE_BYTES,
          `the device reports ${safeBytes} bytes as safe, more than were written`,
        );
        expectBytes(stored.subarray(0, safeBytes), image.subarray(0, safeBytes), "content reported as safe");
        expectBytes((await content("B")).subarray(0, slotBytes), image, "content of the slot");
      } finally {
        await writer.close();
      }
    },
  },
  {
    title: "an interrupted image resumes at or before the byte that it had reached",
    async run({ device }) {
      for (const bytes of [0, 1, 4095, 4096, 100_001]) {
        const from = device.resumePoint("B", bytes);
        expectThat(from >= 0 && from <= bytes, `an image that had reached byte ${bytes} resumes at byte ${from}`);
      }
    },
  },
];
