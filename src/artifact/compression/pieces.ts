import { availableParallelism } from "node:os";

/** Bytes of the uncompressed stream in each independently compressed piece. @see docs/reference/piecewise-compression.md */
export const PIECE_BYTES = 1024 * 1024;

/** Pieces compressed at once: enough for the four threads of the pool while the oldest piece is written. */
const PIECES_IN_WORK: number = Math.min(6, availableParallelism() + 2);

/**
 * Reuses buffers of one size, also for the next stream, because the garbage collector frees buffers of a megabyte too
 * late.
 */
class SpareBuffers {
  readonly #sizeBytes: number;
  readonly #free: Buffer[] = [];

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#sizeBytes);
  }

  /** @param buffer one that `take` returned, or a part of it. The caller must not use it any more. */
  give({ buffer }: Buffer): void {
    if (this.#free.length < PIECES_IN_WORK) this.#free.push(Buffer.from(buffer));
  }
}

/** Enough for the output of a piece that cannot be compressed. */
export const OUTPUT_BYTES: number = PIECE_BYTES + PIECE_BYTES / 16;

const PIECES = new SpareBuffers(PIECE_BYTES);
const OUTPUTS = new SpareBuffers(OUTPUT_BYTES);

/** Cuts a stream of chunks into pieces of exactly `PIECE_BYTES`, the last one shorter. */
export async function* inPieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let piece = PIECES.take();
  let filled = 0;
  for await (const chunk of chunks) {
    let taken = 0;
    while (taken < chunk.length) {
      const count = Math.min(PIECE_BYTES - filled, chunk.length - taken);
      piece.set(chunk.subarray(taken, taken + count), filled);
      taken += count;
      filled += count;
      if (filled < PIECE_BYTES) break;
      yield piece;
      piece = PIECES.take();
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/**
 * Compresses a stream piece by piece, several at once. A chunk is valid until the next one is requested.
 *
 * @param compressPiece may write its result into `output`, of `OUTPUT_BYTES`, which is reused afterwards
 */
export async function* eachPiece(
  chunks: AsyncIterable<Uint8Array>,
  compressPiece: (piece: Buffer, output: Buffer) => Promise<readonly Uint8Array[]>,
  inWork = PIECES_IN_WORK,
): AsyncGenerator<Uint8Array> {
  let zeros: Promise<readonly Uint8Array[]> | undefined;
  const work = async (piece: Buffer): Promise<{ packed: readonly Uint8Array[]; output: Buffer }> => {
    const output = OUTPUTS.take();
    const isHole = piece.length === PIECE_BYTES && isZero(piece);
    // A large part of many images is free space.
    if (isHole) zeros ??= compressPiece(piece, output).then(copied);
    const packed = await (isHole && zeros !== undefined ? zeros : compressPiece(piece, output));
    PIECES.give(piece);
    return { packed, output };
  };
  const results = inOrder(inPieces(chunks), inWork, work);
  for await (const { packed, output } of results) {
    yield* packed;
    OUTPUTS.give(output);
  }
}

const copied = (parts: readonly Uint8Array[]): readonly Uint8Array[] => [Buffer.concat(parts)];

/** Compares the bytes with themselves, one byte further on, which needs no second buffer. */
const isZero = (bytes: Buffer): boolean => bytes[0] === 0 && bytes.subarray(1).equals(bytes.subarray(0, -1));

/**
 * Works on up to `inWork` pieces at once and yields the results in the order of the pieces. It requests a piece only
 * when work on it can begin, so memory stays bounded.
 */
export async function* inOrder<Piece, Result>(
  pieces: AsyncIterable<Piece>,
  inWork: number,
  work: (piece: Piece) => Promise<Result>,
): AsyncGenerator<Result> {
  const window: Promise<Result>[] = [];
  for await (const piece of pieces) {
    const result = work(piece);
    // ignored: the loop below reports a failure in its turn, unless an earlier failure ends the loop.
    result.catch(() => undefined);
    window.push(result);
    const oldest = window.length < inWork ? undefined : window.shift();
    if (oldest !== undefined) yield await oldest;
  }
  for (const result of window) yield await result;
}
