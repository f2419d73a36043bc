import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Random } from "../../../qemu/harness/random.ts";
import { type Call, pathOfDescriptor, unquote } from "./strace-log.ts";

/** Content, before the program started, of the files that a power cut may change. */
export type Disk = ReadonlyMap<string, Buffer | undefined>;

interface Write {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

interface Rename {
  readonly from: string;
  readonly to: string;
}

/** What a power cut at the end of the calls may take, because no sync has covered it. */
export interface Volatile {
  /** Writes into the middle of files: the blocks of slots. */
  readonly writes: readonly Write[];
  /** The last renames of each folder, oldest first. */
  readonly renames: readonly Rename[];
  /** New files with unsynced content, by their current name. */
  readonly contents: readonly string[];
}

const SYNCS: readonly string[] = ["fsync", "fdatasync"];
const BLOCK_BYTES = 4096;

/**
 * Which of the program's own calls were not yet durable. A write is durable when a sync of its file began after it and
 * has ended; a rename, when its folder was synced in this way. Child processes are not followed: what modules and
 * scripts write stays, as after a kill. Removed files stay removed.
 *
 * @param disk folder that stands for the board's disk
 */
export function volatileOf(calls: readonly Call[], disk: string): Volatile {
  const done = calls.filter(({ failed }) => !failed);
  const syncedAfter = (path: string, from: Call): boolean =>
    done.some(
      (call) =>
        SYNCS.includes(call.name) &&
        call.ended !== undefined &&
        call.began > (from.ended ?? Number.POSITIVE_INFINITY) &&
        pathOfDescriptor(call) === path,
    );
  // On a real board, the kernel reports what runs, and no file does.
  const isOnDisk = (path: string): boolean => path.startsWith(`${disk}/`) && path !== `${disk}/running`;
  const writes: Write[] = [];
  const renames: Rename[] = [];
  const contents = new Set<string>();
  for (const call of done) {
    const path = pathOfDescriptor(call) ?? "";
    if (call.name === "pwrite64" && isOnDisk(path) && !syncedAfter(path, call)) writes.push({ path, ...rangeOf(call) });
    if (call.name === "write" && isOnDisk(path) && !syncedAfter(path, call)) contents.add(path);
    const rename = renameOf(call);
    if (rename === undefined || !isOnDisk(rename.to)) continue;
    if (contents.delete(rename.from)) contents.add(rename.to);
    if (!syncedAfter(dirname(rename.to), call)) renames.push(rename);
  }
  return { writes, renames, contents: [...contents] };
}

/** What a power cut took. */
export interface Loss {
  readonly blocksKept: number;
  readonly blocksLost: number;
  readonly renamesUndone: number;
  readonly filesTorn: number;
}

/**
 * Does to the files what a power cut may do. Of what was not durable, `random` keeps some and loses some: single blocks
 * in any order, but in each folder only the last renames, as a journal would.
 *
 * @throws if the calls do not determine the previous content
 */
export async function losePower(calls: readonly Call[], disk: string, before: Disk, random: Random): Promise<Loss> {
  const { writes, renames, contents } = volatileOf(calls, disk);
  let [blocksKept, blocksLost, renamesUndone] = [0, 0, 0];
  // All, none, or some: with a coin toss for each block, the cut would hardly ever keep or lose many of them.
  const chance = random.pick([0, 1, 2, 3, 4]);
  for (const { path, offset, length } of writes) {
    const old = before.get(path);
    if (old === undefined) throw new Error(`nobody knows what ${path} was before`);
    // No log has what a place held between two writes, so the place keeps its content.
    const isKnown = isWrittenOnce(calls, path, offset, length);
    for (let at = offset; at < offset + length; at += BLOCK_BYTES) {
      if (random.below(4) < chance || !isKnown) blocksKept++;
      else {
        await restore(path, old.subarray(at, Math.min(at + BLOCK_BYTES, offset + length)), at);
        blocksLost++;
      }
    }
  }
  for (const path of contents) if (existsSync(path)) truncateSync(path, random.below(readFileSync(path).length + 1));
  // The program may have been killed before its rename happened.
  const happened = renames.filter(({ from, to }) => existsSync(to) && !existsSync(from));
  for (const folder of new Set(happened.map(({ to }) => dirname(to)))) {
    const here = happened.filter(({ to }) => dirname(to) === folder);
    const undone = random.below(here.length + 1);
    undo(here.slice(here.length - undone), calls, before);
    renamesUndone += undone;
  }
  return { blocksKept, blocksLost, renamesUndone, filesTorn: contents.length };
}

/** Reads the files from which a power cut may take something. */
export async function readDisk(paths: readonly string[]): Promise<Disk> {
  return new DiskReader(paths).read();
}

/**
 * Reads the same files again and again into the same memory: new memory for whole slots at each cut would keep the
 * garbage collector busy. What it has read is valid until it reads again.
 */
export class DiskReader {
  readonly #paths: readonly string[];
  readonly #memory = new Map<string, Buffer>();

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  read(): Disk {
    return new Map(this.#paths.map((path) => [path, this.#readOne(path)] as const));
  }

  #readOne(path: string): Buffer | undefined {
    // A file that is not there yet is an ordinary state.
    if (!existsSync(path)) return undefined;
    const file = openSync(path, "r");
    try {
      const { size } = fstatSync(file);
      let memory = this.#memory.get(path);
      if (memory === undefined || memory.length < size) memory = Buffer.allocUnsafeSlow(size);
      this.#memory.set(path, memory);
      return memory.subarray(0, readSync(file, memory, 0, size, 0));
    } finally {
      closeSync(file);
    }
  }
}

async function restore(path: string, bytes: Uint8Array, offset: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.write(bytes, 0, bytes.length, offset);
  } finally {
    await file.close();
  }
}

/** Restores the old names of the files, and in their places the previous content. */
function undo(renames: readonly Rename[], calls: readonly Call[], before: Disk): void {
  for (const to of new Set(renames.map((rename) => rename.to))) {
    const onto = renames.filter((rename) => rename.to === to);
    const old = contentsOf(to, calls, before).at(-1 - onto.length);
    const from = onto[0]?.from ?? to;
    // The folder that a file came from may have been removed since: the undone rename brings it back.
    mkdirSync(dirname(from), { recursive: true });
    renameSync(to, from);
    if (old !== undefined) writeFileSync(to, old);
  }
}

/** All contents of `path`: before the program started, and after each rename onto it. */
function contentsOf(path: string, calls: readonly Call[], before: Disk): readonly (string | Buffer | undefined)[] {
  const writes = new Map<string, readonly Call[]>();
  const held: (string | Buffer | undefined)[] = [before.get(path)];
  for (const call of calls.filter(({ failed }) => !failed)) {
    const written = pathOfDescriptor(call);
    if (call.name === "write" && written?.startsWith(dirname(path)) === true)
      writes.set(written, [...(writes.get(written) ?? []), call]);
    const rename = renameOf(call);
    if (rename === undefined) continue;
    // Reads only these texts: the store's reserve next to them is longer than what strace prints of a write.
    if (rename.to === path) held.push(writes.get(rename.from)?.map(unquote).join(""));
    writes.delete(rename.from);
  }
  return held;
}

function isWrittenOnce(calls: readonly Call[], path: string, offset: number, length: number): boolean {
  const same = calls.filter((call) => {
    if (call.failed || call.name !== "pwrite64" || pathOfDescriptor(call) !== path) return false;
    const range = rangeOf(call);
    return range.offset < offset + length && offset < range.offset + range.length;
  });
  return same.length <= 1;
}

function rangeOf({ args }: Call): { readonly offset: number; readonly length: number } {
  const found = /, (\d+), (\d+)$/.exec(args);
  if (found === null) throw new Error(`no range in ${args.slice(-80)}`);
  return { length: Number(found[1]), offset: Number(found[2]) };
}

function renameOf({ name, args }: Call): Rename | undefined {
  if (!name.startsWith("rename")) return undefined;
  const [from, to] = [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((found) => resolve(found[1] ?? ""));
  if (from === undefined || to === undefined) throw new Error(`no paths in ${args}`);
  return { from, to };
}
