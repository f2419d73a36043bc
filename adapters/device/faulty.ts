import type { BlockFile } from "./block-file.ts";

/** What a power cut does to a write that was not yet synced. `torn`: a prefix of whole sectors arrived. */
export type Fate = "lost" | "kept" | "torn";

export interface FaultyDiskOptions {
  /** What the disk holds at first; also its size. */
  readonly content: Uint8Array;
  /** Accesses of these sectors fail with EIO. */
  readonly badSectors?: readonly number[];
  /** Longest access that is done at once; longer ones are cut short. */
  readonly longestAccessBytes?: number;
  /** Behaves as storage opened with O_DIRECT. */
  readonly direct?: boolean;
  /** Called before each act with its number, counted from 1 over the disk's life. May throw to cut the power there. */
  readonly beforeAct?: (act: "write" | "sync", number: number) => void;
}

interface PendingWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface FaultyDisk {
  /** Opens it as the storage of a slot. What an earlier opening wrote is there. */
  open(): BlockFile;
  /** Decides what becomes of each unsynced write, oldest first. */
  powerCut(fateOf: (write: number) => Fate): void;
  /** What is on the medium after all that was written has arrived. */
  content(): Uint8Array;
  /** Acts so far. */
  readonly acts: number;
  readonly writtenBytes: number;
}

const SECTOR_BYTES = 512;

/**
 * A disk in memory that behaves as badly as disks do: until a sync, a power cut may keep, lose or tear any
 * write, whatever the order. It outlives the writers and the power cuts of a test.
 */
export function createFaultyDisk(options: FaultyDiskOptions): FaultyDisk {
  const { badSectors = [], longestAccessBytes = Number.POSITIVE_INFINITY, direct = false, beforeAct } = options;
  const medium = Uint8Array.from(options.content);
  let pending: PendingWrite[] = [];
  let acts = 0;
  let writtenBytes = 0;

  const act = (kind: "write" | "sync"): void => {
    acts += 1;
    beforeAct?.(kind, acts);
  };
  const checkSectors = (offset: number, length: number): void => {
    const first = Math.floor(offset / SECTOR_BYTES);
    const last = Math.floor((offset + length - 1) / SECTOR_BYTES);
    if (badSectors.some((sector) => sector >= first && sector <= last)) throw errno("EIO");
  };
  const visible = (): Uint8Array => {
    const content = Uint8Array.from(medium);
    for (const { offset, bytes } of pending) content.set(bytes, offset);
    return content;
  };

  return {
    open: () => ({
      sizeBytes: medium.length,
      direct,
      async read(into, offset) {
        const length = Math.min(into.length, longestAccessBytes, medium.length - offset);
        if (length <= 0) return 0;
        checkSectors(offset, length);
        into.set(visible().subarray(offset, offset + length));
        return length;
      },
      async write(from, offset) {
        act("write");
        if (offset >= medium.length) throw errno("ENOSPC");
        const length = Math.min(from.length, longestAccessBytes, medium.length - offset);
        checkSectors(offset, length);
        pending.push({ offset, bytes: Uint8Array.from(from.subarray(0, length)) });
        writtenBytes += length;
        return length;
      },
      async sync() {
        act("sync");
        medium.set(visible());
        pending = [];
      },
      close: async () => undefined,
    }),
    powerCut(fateOf) {
      pending.forEach(({ offset, bytes }, index) => {
        const fate = fateOf(index);
        if (fate === "kept") medium.set(bytes, offset);
        if (fate === "torn") medium.set(bytes.subarray(0, tornLength(bytes.length)), offset);
      });
      pending = [];
    },
    content: visible,
    get acts() {
      return acts;
    },
    get writtenBytes() {
      return writtenBytes;
    },
  };
}

/** Half of the sectors, and at least none: a disk writes sectors whole. */
function tornLength(length: number): number {
  return Math.floor(length / SECTOR_BYTES / 2) * SECTOR_BYTES;
}

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: faulty disk`), { code });
}
