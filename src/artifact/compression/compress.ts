import type { Compression } from "../model.ts";
import { type Compressor, compressionOf, zstdLevelOf } from "./compressors.ts";
import { type FilterProgram, throughProgram } from "./filter-program.ts";
import { gzipMember } from "./gzip-members.ts";
import { eachPiece, inPieces } from "./pieces.ts";
import { zstdFrame } from "./zstd-frames.ts";

/** As long as the dictionary covers a block, more of it costs memory and saves nothing. */
const XZ: FilterProgram = {
  argv: [
    "xz",
    "--compress",
    "--stdout",
    "--format=xz",
    "--lzma2=preset=6,dict=1MiB",
    "--block-size=1MiB",
    "--threads=2",
  ],
  package: "xz-utils",
};

type Compress = (
  chunks: AsyncIterable<Uint8Array>,
  compressor: Compressor,
  signal: AbortSignal,
  inWork: number | undefined,
) => AsyncIterable<Uint8Array>;

const WRITERS: Readonly<Record<Compression, Compress>> = {
  none: (chunks) => chunks,
  gzip: (chunks, _compressor, _signal, inWork) => eachPiece(chunks, gzipMember, inWork),
  lzma: (chunks, _, signal) => throughProgram(XZ, inPieces(chunks), signal),
  zstd: (chunks, compressor, signal, inWork) =>
    eachPiece(chunks, async (piece) => [await zstdFrame(piece, zstdLevelOf(compressor), signal)], inWork),
};

/**
 * Compresses a stream in independent pieces of 1 MiB of it. The same bytes on the same runtime give the same result. A
 * chunk of the result is valid until the next one is requested.
 *
 * @param inWork pieces that are compressed at once, by default as many as the processors can use
 * @throws {AgentError} COMPRESSOR_MISSING, COMPRESSOR_FAILED; whatever `chunks` throws; the signal's reason
 * @see docs/reference/piecewise-compression.md
 */
export function compress(
  compressor: Compressor,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  inWork?: number,
): AsyncIterable<Uint8Array> {
  return WRITERS[compressionOf(compressor)](chunks, compressor, signal, inWork);
}

/**
 * As `compress`, but with one piece at a time. Nearly all headers are a single piece, and a long one must not take more
 * memory.
 */
export const compressHeader = (
  compressor: Compressor,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> => compress(compressor, chunks, signal, 1);
