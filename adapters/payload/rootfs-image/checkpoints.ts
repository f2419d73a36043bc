import type { Clock } from "../../../src/ports/clock.ts";
import type { PayloadFile } from "../../../src/ports/payload-handler.ts";
import type { SlotWriter } from "../../../src/ports/slot-device.ts";

/** So much is fetched again after a power cut, and what was on its way. As large as what the writer writes at once. */
const DISTANCE_BYTES = 2 * 1024 * 1024;
/** A checkpoint may take that part of the time: storage that syncs slowly, or a fast line, gets fewer of them. */
const SHARE = 4;
/** Bounds what that share may cost: after so many bytes the next checkpoint is due, however long the last one took. */
const FARTHEST_BYTES = 16 * 1024 * 1024;

/** Makes checkpoints of an image while it is written, beside the writing. */
export interface Checkpoints {
  /** So many bytes went to the writer. @throws whatever the checkpoint before this one failed with */
  advanced(count: number): void;
  /** Resolves when none is on its way any more. */
  settled(): Promise<void>;
}

/** `undefined` where nobody wants to know how far the image is stored. */
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
