import type { Compression } from "../model.ts";

/** A position at which decompression can start. */
export interface RestartPoint {
  /** Offset in the compressed data. */
  readonly packedByte: number;
  /** Offset in the decompressed data. */
  readonly plainByte: number;
}

/** Finds restart points in compressed data that streams past. */
export interface RestartPoints {
  /** @param packed the next bytes, in order */
  pass(packed: Uint8Array): void;
  /** The last known restart point at or before `plainByte`. Forgets those before it. */
  lastBefore(plainByte: number): RestartPoint | undefined;
}

/** What a walk needs next: bytes to examine, or bytes to skip. */
type Need = { readonly take: number } | { readonly skip: number };
/**
 * Walks over the pieces and reports the decompressed length of each complete one. Ends at data that it cannot parse.
 */
type Walk = Generator<Need, void, Buffer>;
type Ended = (plainBytes: number) => void;

/** Closer restart points are dropped: an Artifact may consist of pieces of a few bytes. */
const MIN_DISTANCE_BYTES = 256 * 1024;

/**
 * @param from where the data begins
 * @returns `undefined` for a compression without restart points. Data without our writer's marks has none either.
 *
 * @see docs/reference/piecewise-compression.md
 */
export function createRestartPoints(compression: Compression, from: RestartPoint): RestartPoints | undefined {
  if (compression === "none") return EVERYWHERE;
  if (compression === "gzip") return new FrameParser(gzipMembers, from);
  return compression === "zstd" ? new FrameParser(zstdFrames, from) : undefined;
}

/** Uncompressed data can be read from any position. */
const EVERYWHERE: RestartPoints = {
  pass: () => undefined,
  lastBefore: (plainByte) => ({ packedByte: plainByte, plainByte }),
};

class FrameParser implements RestartPoints {
  readonly #walk: Walk;
  #need: Need | undefined;
  #taken = Buffer.alloc(0);
  #packedByte: number;
  #plainByte: number;
  #starts: RestartPoint[] = [];

  constructor(walk: (ended: Ended) => Walk, { packedByte, plainByte }: RestartPoint) {
    this.#packedByte = packedByte;
    this.#plainByte = plainByte;
    this.#walk = walk((plainBytes) => this.#ended(plainBytes));
    this.#need = this.#walk.next().value ?? undefined;
  }

  pass(packed: Uint8Array): void {
    let rest = Buffer.from(packed.buffer, packed.byteOffset, packed.length);
    while (rest.length > 0 && this.#need !== undefined) rest = rest.subarray(this.#step(this.#need, rest));
  }

  lastBefore(plainByte: number): RestartPoint | undefined {
    const after = this.#starts.findIndex((start) => start.plainByte > plainByte);
    const known = after < 0 ? this.#starts.length : after;
    this.#starts = this.#starts.slice(Math.max(0, known - 1));
    return known === 0 ? undefined : this.#starts[0];
  }

  #step(need: Need, rest: Buffer): number {
    if ("skip" in need) {
      const count = Math.min(need.skip, rest.length);
      this.#packedByte += count;
      this.#go(count === need.skip, { skip: need.skip - count });
      return count;
    }
    const count = Math.min(need.take - this.#taken.length, rest.length);
    this.#packedByte += count;
    this.#taken = Buffer.concat([this.#taken, rest.subarray(0, count)]);
    this.#go(this.#taken.length === need.take, need);
    return count;
  }

  #go(isMet: boolean, unmet: Need): void {
    if (!isMet) {
      this.#need = unmet;
      return;
    }
    const taken = this.#taken;
    this.#taken = Buffer.alloc(0);
    let next = this.#walk.next(taken);
    while (next.done !== true && "skip" in next.value && next.value.skip === 0) next = this.#walk.next(taken);
    this.#need = next.value ?? undefined;
  }

  #ended(plainBytes: number): void {
    this.#plainByte += plainBytes;
    const last = this.#starts.at(-1);
    const isNear = last !== undefined && this.#packedByte - last.packedByte < MIN_DISTANCE_BYTES;
    // A piece of zeros is short compressed and long decompressed.
    if (isNear && this.#plainByte - last.plainByte < MIN_DISTANCE_BYTES) return;
    this.#starts.push({ packedByte: this.#packedByte, plainByte: this.#plainByte });
  }
}

const GZIP_HEAD = Buffer.from("1f8b08040000000000ff080053420400", "hex");
const GZIP_HEAD_BYTES = GZIP_HEAD.length + 4;
const GZIP_SIZE_BYTES = 4;

function* gzipMembers(ended: Ended): Walk {
  for (;;) {
    const head = yield { take: GZIP_HEAD_BYTES };
    const bodyBytes = head.readUInt32LE(GZIP_HEAD.length) - GZIP_HEAD_BYTES - GZIP_SIZE_BYTES;
    if (!head.subarray(0, GZIP_HEAD.length).equals(GZIP_HEAD) || bodyBytes < 0) return;
    yield { skip: bodyBytes };
    ended((yield { take: GZIP_SIZE_BYTES }).readUInt32LE());
  }
}

const ZSTD_MAGIC = 0xfd2fb528;
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;
const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

/** @see RFC 8878, section 3.1.1 */
function* zstdFrames(ended: Ended): Walk {
  for (;;) {
    const head = yield { take: 5 };
    const descriptor = head.readUInt8(4);
    if (head.readUInt32LE() !== ZSTD_MAGIC) return;
    const isSingle = (descriptor & 0x20) !== 0;
    const sizeFlag = descriptor >> 6;
    const sizeBytes = sizeFlag === 0 ? Number(isSingle) : 1 << sizeFlag;
    // Without its content size, the decompressed length of a frame is unknown.
    if (sizeBytes === 0) return;
    yield { skip: (isSingle ? 0 : 1) + (DICTIONARY_BYTES[descriptor & 3] ?? 0) };
    const plainBytes = contentSize(yield { take: sizeBytes });
    for (let isLast = false; !isLast; ) {
      const block = (yield { take: 3 }).readUIntLE(0, 3);
      const type = (block >> 1) & 3;
      if (type === BLOCK_RESERVED) return;
      isLast = (block & 1) === 1;
      yield { skip: type === BLOCK_RLE ? 1 : block >> 3 };
    }
    if ((descriptor & 4) !== 0) yield { skip: 4 };
    ended(plainBytes);
  }
}

function contentSize(field: Buffer): number {
  if (field.length === 8) return Number(field.readBigUInt64LE());
  return field.readUIntLE(0, field.length) + (field.length === 2 ? 256 : 0);
}
