import { AgentError } from "../../src/errors/agent-error.ts";
import type { SlotImage, SlotWriter } from "../../src/ports/slot-device.ts";
import type { MaybePromise } from "../../src/util/byte-source.ts";

export interface StreamWriterOptions extends Pick<SlotImage, "imageBytes"> {
  readonly signal: AbortSignal;
  /** Two or more buffers of equal size. They limit the memory that the writer uses. */
  readonly buffers: readonly Buffer[];
}

/**
 * Passes an image as a stream of chunks to `store`, which takes them in order and resolves when it has stored them. The
 * writer compares nothing, and nothing is durable before the end. Closing the writer before `sync` aborts `store`.
 *
 * @param store receives chunks that are valid until it requests the next one
 * @throws {AgentError} SLOT_TOO_SMALL if more than `imageBytes` are advanced; the error of `store`; SLOT_IO if `store`
 * ends before the image does
 */
export function createStreamWriter(
  store: (chunks: AsyncIterable<Uint8Array>, signal: AbortSignal) => Promise<void>,
  { imageBytes, signal, buffers }: StreamWriterOptions,
): SlotWriter {
  const free = [...buffers];
  const full: { readonly buffer: Buffer; readonly filled: number }[] = [];
  /** Room after the image's end. A reader can read into it to find out whether the source has ended. */
  const overflow = new Uint8Array(1);
  const abort = new AbortController();
  let current: { readonly buffer: Buffer; readonly length: number; filled: number } | undefined;
  let advanced = 0;
  let given = 0;
  let ended = false;
  let outcome: { readonly failure?: unknown } | undefined;
  let wake: (() => void) | undefined;

  /** Resolves when a buffer, a chunk or the outcome is available; each side waits only while the other one works. */
  const change = (): Promise<void> =>
    new Promise((resolve) => {
      const before = wake;
      wake = () => {
        before?.();
        resolve();
      };
    });
  const tell = (): void => {
    const waiting = wake;
    wake = undefined;
    waiting?.();
  };

  async function* chunks(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const next = full.shift();
      if (next !== undefined) {
        given += next.filled;
        yield next.buffer.subarray(0, next.filled);
        free.push(next.buffer);
        tell();
      } else if (ended) return;
      else await change();
    }
  }

  const stored = store(chunks(), AbortSignal.any([signal, abort.signal])).then(
    () => {
      outcome = {};
      tell();
    },
    (failure: unknown) => {
      outcome = { failure };
      tell();
    },
  );

  const check = (): void => {
    signal.throwIfAborted();
    if (outcome === undefined) return;
    if ("failure" in outcome) throw outcome.failure;
    if (given < imageBytes) throw new AgentError("SLOT_IO", { operation: "write", offset: given, moved: 0 });
  };
  const finishCurrent = (): void => {
    if (current !== undefined && current.filled > 0) full.push(current);
    current = undefined;
    tell();
  };

  async function waitForRoom(): Promise<Uint8Array> {
    while (free.length === 0 && outcome === undefined) await change();
    return room();
  }

  function room(): MaybePromise<Uint8Array> {
    check();
    if (advanced === imageBytes) return overflow;
    if (current === undefined) {
      const buffer = free.shift();
      if (buffer === undefined) return waitForRoom();
      current = { buffer, length: Math.min(buffer.length, imageBytes - advanced), filled: 0 };
    }
    return current.buffer.subarray(current.filled, current.length);
  }

  return {
    room,
    advance(count) {
      if (count === 0) return;
      if (current === undefined || count > current.length - current.filled) {
        throw new AgentError("SLOT_TOO_SMALL", { imageBytes: advanced + count, announcedBytes: imageBytes });
      }
      current.filled += count;
      advanced += count;
      if (current.filled === current.length) finishCurrent();
    },
    checkpoint: async () => 0,
    async sync() {
      finishCurrent();
      ended = true;
      tell();
      await stored;
      check();
      return { writtenBytes: advanced, skippedBytes: 0 };
    },
    async close() {
      abort.abort();
      ended = true;
      tell();
      await stored;
    },
  };
}
