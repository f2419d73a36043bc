import type { Compression } from "../model.ts";

/** What writes a compression, by the names of mender-artifact. `zstd` is the same as `zstd_fast`. */
export type Compressor = Compression | "zstd_fastest" | "zstd_fast" | "zstd_better" | "zstd_best";

/** In the order of the help text. */
export const COMPRESSORS: readonly Compressor[] = [
  ...(["none", "gzip", "lzma", "zstd"] as const),
  ...(["zstd_fastest", "zstd_fast", "zstd_better", "zstd_best"] as const),
];

/** The levels of zstd that mender-artifact means by its names. */
const ZSTD_LEVELS: Partial<Readonly<Record<Compressor, number>>> = {
  zstd_fastest: 1,
  zstd_fast: 3,
  zstd_better: 7,
  zstd_best: 11,
};

export const zstdLevelOf = (compressor: Compressor): number => ZSTD_LEVELS[compressor] ?? 3;

/** The format that the compressor writes. */
export const compressionOf = (compressor: Compressor): Compression =>
  compressor.startsWith("zstd_") ? "zstd" : (compressor as Compression);
