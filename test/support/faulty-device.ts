import { setTimeout as wait } from "node:timers/promises";
import type { BlockFile } from "../../adapters/linux/block-file.ts";

/** The effect of a power cut on a write before its sync. `torn`: a prefix of whole sectors arrived. */
export type WriteOutcome = "lost" | "kept" | "torn";

/** `dropped`: the sector keeps its old content. `corrupted`: one bit of it is wrong. */
export type DiskFault = "dropped" | "corrupted";

export interface FaultyDiskOptions {
  /** Initial content of the disk, which also sets its size. */
  readonly content: Uint8Array;
  /** Accesses to these sectors fail with EIO. */
  readonly badSectors?: readonly number[];
  /** The fate of acknowledged writes to these sectors. A sync does not report it. */
  readonly lies?: ReadonlyMap<number, DiskFault>;
  /** Duration of each read, write and sync. */
  readonly accessMs?: number;
  /** Longest single access; longer ones are short reads or writes. */
  readonly longestAccessBytes?: number;
  /** Behaves like storage opened with O_DIRECT. */
  readonly direct?: boolean;
  /** Called before each act with its number, counted from 1 over the disk's life. May throw to cut the power there. */
  readonly beforeAct?: (act: "write" | "sync", number: number) => void;
}

interface PendingWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface FaultyDisk {
  /** Opens the disk as the storage of a slot, with everything that was written through earlier openings. */
  open(): BlockFile;
  /** Decides what happens to each unsynced write, oldest first. */
  powerCut(fateOf: (write: number) => WriteOutcome): void;
  /** Content of the medium as if all writes had arrived. */
  content(): Uint8Array;
  /** Number of acts so far. */
  readonly acts: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

const SECTOR_BYTES = 512;

/**
 * A disk in memory that behaves as badly as real disks do. Until a sync, a power cut may keep, lose or tear any write,
 * in any order. Sectors go bad, accesses are slow or short, and a cache returns data that never reaches the medium.
 * The disk outlives the writers and the power cuts of a test.
 */
export function createFaultyDisk(options: FaultyDiskOptions): FaultyDisk {
  const { badSectors = [], longestAccessBytes = Number.POSITIVE_INFINITY, direct = false, beforeAct } = options;
  const { lies = new Map<number, DiskFault>(), accessMs } = options;
  const medium = Uint8Array.from(options.content);
  let pending: PendingWrite[] = [];
  let acts = 0;
  let readBytes = 0;
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

  /** Moves a write to the medium, except for sectors whose writes the disk falsely acknowledges. */
  const land = ({ offset, bytes }: PendingWrite): void => {
    const touched = [...lies].filter(([sector]) => overlaps(sector, offset, bytes.length));
    const before = touched.map(([sector]) => medium.slice(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES));
    medium.set(bytes, offset);
    touched.forEach(([sector, lie], index) => {
      const start = sector * SECTOR_BYTES;
      if (lie === "dropped") medium.set(before[index] ?? [], start);
      else medium[start] = (medium[start] ?? 0) ^ 1;
    });
  };
  const take = async (): Promise<void> => {
    if (accessMs !== undefined) await wait(accessMs);
  };

  return {
    open: () => ({
      sizeBytes: medium.length,
      direct,
      async read(into, offset) {
        await take();
        const length = Math.min(into.length, longestAccessBytes, medium.length - offset);
        if (length <= 0) return 0;
        checkSectors(offset, length);
        into.set(visible().subarray(offset, offset + length));
        readBytes += length;
        return length;
      },
      async write(from, offset) {
        act("write");
        await take();
        if (offset >= medium.length) throw errno("ENOSPC");
        const length = Math.min(from.length, longestAccessBytes, medium.length - offset);
        checkSectors(offset, length);
        pending.push({ offset, bytes: Uint8Array.from(from.subarray(0, length)) });
        writtenBytes += length;
        return length;
      },
      async sync() {
        act("sync");
        await take();
        pending.forEach(land);
        pending = [];
      },
      close: async () => undefined,
    }),
    powerCut(fateOf) {
      pending.forEach(({ offset, bytes }, index) => {
        const fate = fateOf(index);
        if (fate === "kept") land({ offset, bytes });
        if (fate === "torn") land({ offset, bytes: bytes.subarray(0, tornLength(bytes.length)) });
      });
      pending = [];
    },
    content: visible,
    get acts() {
      return acts;
    },
    get readBytes() {
      return readBytes;
    },
    get writtenBytes() {
      return writtenBytes;
    },
  };
}

const overlaps = (sector: number, offset: number, length: number): boolean =>
  sector * SECTOR_BYTES < offset + length && offset < (sector + 1) * SECTOR_BYTES;

/** Half of the sectors, rounded down: a disk writes only whole sectors. */
function tornLength(length: number): number {
  return Math.floor(length / SECTOR_BYTES / 2) * SECTOR_BYTES;
}

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: faulty disk`), { code });
}
