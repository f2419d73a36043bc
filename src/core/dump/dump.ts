import { AgentError } from "../../errors/agent-error.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Freezer } from "../../ports/freezer.ts";

export interface DumpParts {
  /** Any folder of the filesystem; `undefined` where nobody can write to it: it is not mounted, or read-only. */
  readonly folder: string | undefined;
  readonly freezer: Freezer;
  readonly clock: Pick<Clock, "sleep">;
  /** The block device from its first byte to its last, as it goes out. A chunk is valid until the next. */
  chunks(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Resolves when somebody has taken the chunk. @throws {AgentError} DUMP_BROKEN */
  write(chunk: Uint8Array): Promise<void>;
}

/** As long as a person may need to type the password of whatever takes the copy. */
export const STALL_MS = 60_000;

/**
 * Copies a filesystem that is in use, frozen as long as that takes. It does not stay frozen when the copy ends in any
 * other way, nor when nobody takes it: whoever does may be waiting for the frozen filesystem itself.
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
