import { readFileSync, writeFileSync } from "node:fs";
import type { OpenRawFile } from "../../../adapters/linux/raw-file.ts";
import type { CutMoment } from "../../../src/contracts/bootloader-rig.ts";

interface Write {
  readonly path: string;
  readonly offset: number;
  readonly bytes: Buffer;
}

const part = ({ path, offset, bytes }: Write, start: number, end?: number): Write => ({
  path,
  offset: offset + start,
  bytes: bytes.subarray(start, end),
});
const SECTOR = 512;

/** The unsynced writes that survive a power cut, in the order of the writes. */
export const LOSSES = {
  nothing: () => [],
  all: (writes) => writes,
  "the last write alone": (writes) => writes.slice(-1),
  "the first five bytes of the last write": (writes) => writes.slice(-1).map((write) => part(write, 0, 5)),
  "the first sector of the last write": (writes) => writes.slice(-1).map((write) => part(write, 0, SECTOR)),
  "the last write without its first sector": (writes) => writes.slice(-1).map((write) => part(write, SECTOR)),
  "the first half of every write": (writes) => writes.map((write) => part(write, 0, write.bytes.length / 2)),
} as const satisfies Readonly<Record<string, (writes: readonly Write[]) => readonly Write[]>>;

export type Loss = keyof typeof LOSSES;

/**
 * Files behind a volatile cache: a program can read its writes at once, but they reach the file only at a sync. Writes
 * and syncs are durable acts, at each of which the power can be cut.
 */
export class VolatileDisk {
  private live = new Map<string, Buffer>();
  private unsynced: Write[] = [];
  private left = 0;
  private moment: CutMoment = "before";
  private readonly loss: Loss;
  private isOff = false;

  constructor(loss: Loss) {
    this.loss = loss;
  }

  readonly open: OpenRawFile = async (path) => {
    if (this.isOff) throw new Error("the power is off");
    const content = (): Buffer => this.live.get(path) ?? readFileSync(path);
    return {
      sizeBytes: content().length,
      read: async (into, offset) => content().copy(into, 0, offset),
      write: async (from, offset) => {
        const write = { path, offset, bytes: Buffer.from(from) };
        if (!this.isCutHere || this.moment !== "before") this.unsynced.push(write);
        this.endAct();
        this.live.set(path, patched(content(), write));
        return from.length;
      },
      sync: async () => {
        if (!this.isCutHere || this.moment === "after") this.flush(path);
        this.endAct();
      },
      close: async () => undefined,
    };
  };

  cutAt(act: number, moment: CutMoment): void {
    this.left = act;
    this.moment = moment;
  }

  /** The power returns: only the content of the files is left. */
  restart(): void {
    this.isOff = false;
    this.left = 0;
    this.live = new Map();
    this.unsynced = [];
  }

  private get isCutHere(): boolean {
    return this.left === 1;
  }

  private endAct(): void {
    this.left -= 1;
    if (this.left !== 0) return;
    this.isOff = true;
    persist(LOSSES[this.loss](this.unsynced));
    throw new Error("power cut");
  }

  private flush(path: string): void {
    persist(this.unsynced.filter((write) => write.path === path));
    this.unsynced = this.unsynced.filter((write) => write.path !== path);
  }
}

function persist(writes: readonly Write[]): void {
  for (const write of writes) writeFileSync(write.path, patched(readFileSync(write.path), write));
}

/** A write past the end of a file makes the file longer. */
function patched(content: Buffer, { offset, bytes }: Write): Buffer {
  const grown = Buffer.alloc(Math.max(content.length, offset + bytes.length));
  content.copy(grown);
  bytes.copy(grown, offset);
  return grown;
}
