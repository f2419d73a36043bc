import type { Compression } from "../model.ts";
import { type Compressor, compressionOf } from "./compressors.ts";

export interface CompressionFormat {
  readonly compression: Compression;
  /** Suffix after `.tar` in a member's name. */
  readonly suffix: string;
  /** First bytes of a file of this format; empty if there is nothing to check. */
  readonly magic: readonly number[];
}

/** Spec: Artifact format v3, section 9. */
const FORMATS: Readonly<Record<Compression, Omit<CompressionFormat, "compression">>> = {
  none: { suffix: "", magic: [] },
  gzip: { suffix: ".gz", magic: [0x1f, 0x8b] },
  lzma: { suffix: ".xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  zstd: { suffix: ".zst", magic: [0x28, 0xb5, 0x2f, 0xfd] },
};
const COMPRESSIONS = Object.keys(FORMATS) as readonly Compression[];

/** Name of the member that holds the tar `base` with this compression. */
export const memberName = (base: string, compressor: Compressor): string =>
  `${base}.tar${FORMATS[compressionOf(compressor)].suffix}`;

/** The format of the member `BASE.tar` plus suffix; `undefined` if `name` is not such a member. */
export function formatOf(name: string, base: string): CompressionFormat | undefined {
  const compression = COMPRESSIONS.find((known) => name === memberName(base, known));
  return compression === undefined ? undefined : { compression, ...FORMATS[compression] };
}
