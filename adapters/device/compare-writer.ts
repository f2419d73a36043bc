import { AgentError } from "../../src/errors/agent-error.ts";
import type { SlotImage, SlotWriter } from "../../src/ports/slot-device.ts";
import type { MaybePromise } from "../../src/util/byte-source.ts";
import type { BlockFile } from "../linux/block-file.ts";
import { readAt, writeAt } from "../linux/exact-io.ts";
import { differingRuns } from "./differing-runs.ts";

export interface CompareWriterOptions extends SlotImage {
  readonly signal: AbortSignal;
  /**
   * An even number of buffers of one size, a multiple of 4 KiB; two make a frame. They limit the memory and the writes
   * in flight. For direct storage they must be aligned.
   */
  readonly buffers: readonly Buffer[];
  /** Storage behind the page cache is synced after this many written bytes. */
  readonly unsyncedBytes?: number;
}

const MIB = 1024 * 1024;
/**
 * After this many consecutive frames without an equal block, only one frame in eight is read, until one has equal
 * blocks.
 */
const UNLIKE_FRAMES = 4;
const LOOK_EVERY = 8;
/** The known length of old content that was not read. */
const UNREAD = 0;

/** A piece of the image: the new bytes, and the slot's old bytes at the same place. */
interface Frame {
  readonly fresh: Buffer;
  readonly old: Buffer;
  offset: number;
  length: number;
  filled: number;
  /** Number of bytes of `old` that could be read; they are read ahead while earlier frames are filled. */
  oldLength: Promise<number>;
}

/**
 * Writes an image over the content of a slot, but only the blocks that differ: flash lasts longer, and an update that
 * changes little is quick. The writer reads a frame's old content while earlier frames are filled, and writes the frame
 * while later ones are filled, so the source waits only for the slower side. If the old content does not resemble the
 * new image, the writer soon reads only samples, because reading the storage is as slow as writing it.
 *
 * Bytes of the slot after the image's end stay as they are. Owns `storage` and closes it.
 *
 * @throws {AgentError} SLOT_IO, from the call after the failed access; SLOT_TOO_SMALL if more than `imageBytes` are
 * advanced
 */
export function createCompareWriter(storage: BlockFile, options: CompareWriterOptions): SlotWriter {
  const { imageBytes, fromBytes = 0, signal, buffers, unsyncedBytes = 16 * MIB } = options;
  const ready: Frame[] = [];
  const atWork = new Set<Promise<void>>();
  /** Room after the image's end, into which a reader can read to find that the source has ended. */
  const overflow = new Uint8Array(1);
  const written = { total: 0, unsynced: 0 };
  const looked = { frames: 0, unlike: 0 };
  let nextOffset = fromBytes;
  let advanced = fromBytes;
  let current: Frame | undefined;
  let failure: unknown;
  let wake: (() => void) | undefined;
  let closed: Promise<void> | undefined;

  for (let i = 0; i + 1 < buffers.length; i += 2) {
    const [fresh, old] = [buffers[i], buffers[i + 1]];
    if (fresh !== undefined && old !== undefined)
      prepare({ fresh, old, offset: 0, length: 0, filled: 0, oldLength: Promise.resolve(0) });
  }

  /** Assigns a free frame the next place in the image and starts to read the slot's content there. */
  function prepare(frame: Frame): void {
    if (nextOffset >= imageBytes) return;
    frame.offset = nextOffset;
    frame.length = Math.min(frame.fresh.length, imageBytes - nextOffset);
    frame.filled = 0;
    nextOffset += frame.length;
    const isRead = looked.unlike < UNLIKE_FRAMES || looked.frames % LOOK_EVERY === 0;
    looked.frames += 1;
    frame.oldLength = isRead
      ? readAt(storage, frame.old.subarray(0, frame.length), frame.offset)
      : Promise.resolve(UNREAD);
    frame.oldLength.catch(() => {
      // ignored: `write` awaits the same promise and fails with it.
    });
    ready.push(frame);
  }

  async function write(frame: Frame): Promise<void> {
    const oldLength = await frame.oldLength;
    if (failure !== undefined) return;
    let differing = 0;
    for (const run of differingRuns(frame.fresh, frame.old, frame.filled, oldLength)) {
      await writeAt(storage, frame.fresh.subarray(run.start, run.end), frame.offset + run.start);
      differing += run.end - run.start;
    }
    written.total += differing;
    written.unsynced += differing;
    if (oldLength !== UNREAD) looked.unlike = differing < frame.filled ? 0 : looked.unlike + 1;
    prepare(frame);
    if (!storage.direct && written.unsynced >= unsyncedBytes) {
      written.unsynced = 0;
      await syncStorage();
    }
  }

  async function syncStorage(): Promise<void> {
    try {
      await storage.sync();
    } catch (cause) {
      throw new AgentError("SLOT_IO", { operation: "sync" }, cause);
    }
  }

  /** Makes the frames that were started before this call durable. */
  async function arrive(): Promise<void> {
    // Wait for these only: while the source is faster than the storage, there is always a frame at work.
    await Promise.all([...atWork]);
    check();
    await syncStorage();
  }

  function start(frame: Frame): void {
    const work = write(frame)
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => {
        atWork.delete(work);
        wake?.();
      });
    atWork.add(work);
  }

  function finishCurrent(): void {
    if (current === undefined || current.filled === 0) return;
    start(current);
    current = undefined;
  }

  function check(): void {
    signal.throwIfAborted();
    if (failure !== undefined) throw failure;
  }

  async function waitForRoom(): Promise<Uint8Array> {
    while (ready.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      check();
    }
    return room();
  }

  function room(): Uint8Array | Promise<Uint8Array> {
    check();
    if (advanced === imageBytes) return overflow;
    current ??= ready.shift();
    if (current === undefined) return waitForRoom();
    return current.fresh.subarray(current.filled, current.length);
  }

  function advance(count: number): MaybePromise<void> {
    if (count === 0) return;
    if (current === undefined || count > current.length - current.filled) {
      throw new AgentError("SLOT_TOO_SMALL", { imageBytes: advanced + count, announcedBytes: imageBytes });
    }
    current.filled += count;
    advanced += count;
    if (current.filled === current.length) finishCurrent();
  }

  return {
    room,
    advance,
    async checkpoint() {
      const whole = advanced - (current?.filled ?? 0);
      await arrive();
      return whole;
    },
    async sync() {
      finishCurrent();
      await arrive();
      return { writtenBytes: written.total, skippedBytes: advanced - fromBytes - written.total };
    },
    close() {
      closed ??= (async () => {
        // The kernel may still be using the buffers and the descriptor.
        while (atWork.size > 0) await Promise.all(atWork);
        await Promise.allSettled(ready.map((frame) => frame.oldLength));
        await storage.close();
      })();
      return closed;
    },
  };
}
