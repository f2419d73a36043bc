import type { Random } from "../../../qemu/harness/random.ts";

/** Place of a member in the outer tar: header block, content and padding are one piece. */
export interface Piece {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly sizeBytes: number;
}

export interface Damage {
  readonly kind: string;
  readonly bytes: Buffer;
  /** Offset of the first byte that differs; the length of the shorter one where one is the other's beginning. */
  readonly firstDifference: number;
}

const BLOCK = 512;

/** Members of a plain ustar archive with nothing unusual in it. */
export function piecesOf(tar: Buffer): readonly Piece[] {
  const pieces: Piece[] = [];
  for (let start = 0; tar.readUInt8(start) !== 0; ) {
    const name = tar.toString("latin1", start, start + 100).replace(/\0.*$/, "");
    const sizeBytes = Number.parseInt(tar.toString("latin1", start + 124, start + 135), 8);
    const end = start + BLOCK + Math.ceil(sizeBytes / BLOCK) * BLOCK;
    pieces.push({ name, start, end, sizeBytes });
    start = end;
  }
  return pieces;
}

/** Kinds of damage; each gets a copy that it may change. */
const KINDS: Readonly<Record<string, (copy: Buffer, random: Random, pieces: readonly Piece[]) => Buffer>> = {
  "one bit flipped anywhere"(copy, random) {
    flip(copy, random, 0, copy.length);
    return copy;
  },
  "one bit flipped before the payload data"(copy, random, pieces) {
    flip(copy, random, 0, dataStart(pieces));
    return copy;
  },
  "some bits flipped"(copy, random) {
    for (let flips = 2 + random.below(7); flips > 0; flips--) flip(copy, random, 0, copy.length);
    return copy;
  },
  "one bit of a member's tar header flipped"(copy, random, pieces) {
    const { start } = random.pick(pieces);
    flip(copy, random, start, start + BLOCK);
    return copy;
  },
  "bytes overwritten"(copy, random) {
    const start = random.below(copy.length);
    random.fill(copy.subarray(start, start + 1 + random.below(64)));
    return copy;
  },
  "cut off anywhere": (copy, random) => copy.subarray(0, random.below(copy.length)),
  "cut off before the payload data": (copy, random, pieces) => copy.subarray(0, random.below(dataStart(pieces))),
  "cut off at the boundary of a block": (copy, random) =>
    copy.subarray(0, BLOCK * random.below(Math.floor(copy.length / BLOCK))),
  "a stretch taken out"(copy, random) {
    const start = random.below(copy.length);
    return Buffer.concat([copy.subarray(0, start), copy.subarray(start + 1 + random.below(2 * BLOCK))]);
  },
  "a stretch put in"(copy, random) {
    const start = random.below(copy.length);
    const more = random.fill(Buffer.alloc(1 + random.below(2 * BLOCK)));
    return Buffer.concat([copy.subarray(0, start), more, copy.subarray(start)]);
  },
  "two members swapped"(copy, random, pieces) {
    const order = [...pieces.keys()];
    const from = random.below(order.length);
    const to = (from + 1 + random.below(order.length - 1)) % order.length;
    [order[from], order[to]] = [to, from];
    return rearranged(copy, pieces, order);
  },
  "a member there twice"(copy, random, pieces) {
    const order = [...pieces.keys()];
    order.splice(random.below(order.length + 1), 0, random.below(pieces.length));
    return rearranged(copy, pieces, order);
  },
  "a member left out"(copy, random, pieces) {
    const left = random.below(pieces.length);
    return rearranged(
      copy,
      pieces,
      [...pieces.keys()].filter((index) => index !== left),
    );
  },
  "bytes appended": (copy, random) => Buffer.concat([copy, random.fill(Buffer.alloc(1 + random.below(2 * BLOCK)))]),
  "a member's size edited"(copy, random, pieces) {
    const { start, sizeBytes } = random.pick(pieces);
    const sizes = [0, 1, sizeBytes - 1, sizeBytes + 1, sizeBytes + BLOCK, sizeBytes * 2, 2 ** 33 - 1];
    setSize(copy, start, Math.max(0, random.pick(sizes)));
    return copy;
  },
  "a member renamed"(copy, random, pieces) {
    const { start } = random.pick(pieces);
    copy.fill(0, start, start + 100);
    copy.write(random.pick(["manifest", "version", "../x", "/etc/passwd", "data/0001.tar", "header.tar", "x"]), start);
    setChecksum(copy, start);
    return copy;
  },
};

export const DAMAGE_KINDS = Object.keys(KINDS);

/** Damages `whole` as case `number` of a run; the result differs from it. */
export function damage(whole: Buffer, number: number, random: Random): Damage {
  const kind = DAMAGE_KINDS[number % DAMAGE_KINDS.length] ?? "";
  const pieces = piecesOf(whole);
  for (;;) {
    const bytes = KINDS[kind]?.(Buffer.from(whole), random, pieces) ?? whole;
    if (!bytes.equals(whole)) return { kind, bytes, firstDifference: firstDifference(whole, bytes) };
  }
}

/** Where the payload data begins, with its tar header. */
export function dataStart(pieces: readonly Piece[]): number {
  return pieces.find(({ name }) => name.startsWith("data/"))?.start ?? 0;
}

function flip(copy: Buffer, random: Random, start: number, end: number): void {
  const at = start + random.below(end - start);
  copy.writeUInt8(copy.readUInt8(at) ^ (1 << random.below(8)), at);
}

function rearranged(whole: Buffer, pieces: readonly Piece[], order: readonly number[]): Buffer {
  const end = pieces.at(-1)?.end ?? 0;
  const parts = order.map((index) => whole.subarray(pieces[index]?.start ?? 0, pieces[index]?.end ?? 0));
  return Buffer.concat([...parts, whole.subarray(end)]);
}

function setSize(copy: Buffer, start: number, sizeBytes: number): void {
  copy.write(`${sizeBytes.toString(8).padStart(11, "0")}\0`, start + 124, "latin1");
  setChecksum(copy, start);
}

/** Makes a changed header block look undamaged: six digits, followed by what the writer put there. */
function setChecksum(copy: Buffer, start: number): void {
  const behind = Buffer.from(copy.subarray(start + 154, start + 156));
  copy.write("        ", start + 148, "latin1");
  const sum = copy.subarray(start, start + BLOCK).reduce((total, byte) => total + byte, 0);
  copy.write(sum.toString(8).padStart(6, "0"), start + 148, "latin1");
  copy.set(behind, start + 154);
}

function firstDifference(a: Buffer, b: Buffer): number {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at++) if (a[at] !== b[at]) return at;
  return shorter;
}
