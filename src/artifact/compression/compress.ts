import type { Compression } from "../model.ts";
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

type Compressor = (chunks: AsyncIterable<Uint8Array>, signal: AbortSignal) => AsyncIterable<Uint8Array>;

const COMPRESSORS: Readonly<Record<Compression, Compressor>> = {
  none: (chunks) => chunks,
  gzip: (chunks) => eachPiece(chunks, gzipMember),
  lzma: (chunks, signal) => throughProgram(XZ, inPieces(chunks), signal),
  zstd: (chunks, signal) => eachPiece(chunks, async (piece) => [await zstdFrame(piece, signal)]),
};

/**
 * Compresses a stream in independent pieces of 1 MiB of it. The same bytes on the same runtime give the same result. A
 * chunk of the result is valid until the next one is requested.
 *
 * @throws {AgentError} COMPRESSOR_MISSING, COMPRESSOR_FAILED; whatever `chunks` throws; the signal's reason
 * @see docs/reference/piecewise-compression.md
 */
export function compress(
  kind: Compression,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  return COMPRESSORS[kind](chunks, signal);
}
