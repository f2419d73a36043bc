import type { Clock } from "../../../src/ports/clock.ts";
import type { PayloadFile } from "../../../src/ports/payload-handler.ts";
import type { SlotWriter } from "../../../src/ports/slot-device.ts";

/**
 * After a power cut, the agent downloads at most this much again, plus what was in flight. Equals the size of one
 * write.
 */
const DISTANCE_BYTES = 2 * 1024 * 1024;
/** Checkpoints take at most 1/SHARE of the time: slow storage or a fast link gets fewer of them. */
const SHARE = 4;
/**
 * Limits the distance between checkpoints: after this many bytes the next one is due, however long the last one took.
 */
const FARTHEST_BYTES = 16 * 1024 * 1024;

/** Makes checkpoints of an image, in parallel with the writing. */
export interface Checkpoints {
  /** Reports bytes passed to the writer. @throws the error of the previous checkpoint */
  advanced(count: number): void;
  /** Resolves when no checkpoint is running. */
  settled(): Promise<void>;
}

/** @returns `undefined` if the source does not need to know how far the image is stored */
export function createCheckpoints(image: PayloadFile, writer: SlotWriter, clock: Clock): Checkpoints | undefined {
  if (image.keep === undefined) return undefined;
  let pendingBytes = 0;
  let keptBytes = 0;
  let notBeforeMs = 0;
  let failure: { readonly reason: unknown } | undefined;
  let atWork: Promise<void> | undefined;

  async function make(): Promise<void> {
    const startMs = clock.monotonicMs();
    const storedBytes = await writer.checkpoint();
    if (storedBytes > keptBytes) await image.keep?.(storedBytes);
    keptBytes = storedBytes;
    const endMs = clock.monotonicMs();
    notBeforeMs = endMs + (endMs - startMs) * (SHARE - 1);
  }

  return {
    advanced(count) {
      if (failure !== undefined) throw failure.reason;
      pendingBytes += count;
      if (atWork !== undefined || pendingBytes < DISTANCE_BYTES) return;
      if (pendingBytes < FARTHEST_BYTES && clock.monotonicMs() < notBeforeMs) return;
      pendingBytes = 0;
      atWork = make()
        .catch((reason: unknown) => {
          failure = { reason };
        })
        .finally(() => {
          atWork = undefined;
        });
    },
    async settled() {
      await atWork;
    },
  };
}
