import { AgentError } from "../../errors/agent-error.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Freezer } from "../../ports/freezer.ts";

export interface DumpParts {
  /** Any folder of the file system; `undefined` if it needs no freeze because it is not mounted or is read-only. */
  readonly folder: string | undefined;
  readonly freezer: Freezer;
  readonly clock: Pick<Clock, "sleep">;
  /** The whole block device, in order. A chunk is valid until the next. */
  chunks(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Resolves when the reader has taken the chunk. @throws {AgentError} DUMP_BROKEN */
  write(chunk: Uint8Array): Promise<void>;
}

/** Long enough to type a password for the program that receives the copy. */
export const STALL_MS = 60_000;

/**
 * Copies a file system that is in use, and keeps it frozen during the copy. Thaws it when the copy ends in any way, and
 * when the reader stalls: the reader may be waiting for the frozen file system itself.
 *
 * @throws {AgentError} DUMP_STALLED, FREEZE_LOST, and what the parts throw
 */
export async function dump({ folder, freezer, clock, chunks, write }: DumpParts, signal: AbortSignal): Promise<void> {
  const frozen = folder === undefined ? undefined : await freezer.freeze(folder, signal);
  const held = frozen === undefined ? signal : AbortSignal.any([signal, frozen.lost]);
  try {
    for await (const chunk of chunks(held)) await taken(write(chunk), clock, held);
    held.throwIfAborted();
  } finally {
    await frozen?.thaw();
  }
}

async function taken(writing: Promise<void>, clock: DumpParts["clock"], signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const stalled = clock.sleep(STALL_MS, AbortSignal.any([signal, done.signal])).then(() => {
    throw new AgentError("DUMP_STALLED", { seconds: STALL_MS / 1000 });
  });
  try {
    await Promise.race([writing, stalled]);
  } finally {
    done.abort();
  }
}
