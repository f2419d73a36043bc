import type { Compression } from "../model.ts";

export interface CompressionFormat {
  readonly compression: Compression;
  /** What follows `.tar` in a member's name. */
  readonly suffix: string;
  /** First bytes of a file of this format; empty where there is nothing to check. */
  readonly magic: readonly number[];
}

/** The compressions of the format, by suffix. Spec: Artifact format v3, section 9. */
export const COMPRESSION_FORMATS: readonly CompressionFormat[] = [
  { compression: "none", suffix: "", magic: [] },
  { compression: "gzip", suffix: ".gz", magic: [0x1f, 0x8b] },
  { compression: "lzma", suffix: ".xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { compression: "zstd", suffix: ".zst", magic: [0x28, 0xb5, 0x2f, 0xfd] },
];

/** The format of the member `BASE.tar` plus suffix; `undefined` where `name` is no such member. */
export function formatOf(name: string, base: string): CompressionFormat | undefined {
  return COMPRESSION_FORMATS.find(({ suffix }) => name === `${base}.tar${suffix}`);
}
