import { AgentError } from "../../errors/agent-error.ts";
import { type ByteSource, readFully } from "../../util/byte-source.ts";
import type { Compression } from "../model.ts";
import { childSource } from "./child-source.ts";
import type { CompressionFormat } from "./formats.ts";
import { inflateSource, zstdSource } from "./inflate.ts";

const OPENERS: Readonly<Record<Compression, (source: ByteSource) => ByteSource>> = {
  none: (source) => source,
  gzip: (source) => inflateSource(source),
  lzma: (source) => childSource(source, "lzma"),
  zstd: (source) => zstdSource(source),
};

/**
 * The decompressed bytes of a member. Closing the result also stops the decompressor.
 *
 * @throws {AgentError} ARTIFACT_COMPRESSED_DATA if the data does not have the format in its name; the source throws it
 * for damaged data, and DECOMPRESSOR_MISSING
 */
export async function decompress(source: ByteSource, format: CompressionFormat): Promise<ByteSource> {
  const start = Buffer.alloc(format.magic.length);
  await readFully(source, start);
  if (!start.equals(Buffer.from(format.magic)) && !isSkippableFrame(start, format)) {
    throw new AgentError("ARTIFACT_COMPRESSED_DATA", {
      format: format.compression,
      reason: "its format is not the one that its name says",
    });
  }
  return OPENERS[format.compression](withStart(start, source));
}

/** pzstd puts a frame with the length before each frame; every decompressor skips it. */
function isSkippableFrame(start: Buffer, { compression }: CompressionFormat): boolean {
  return compression === "zstd" && start.readUInt32LE() >>> 4 === 0x184d2a5;
}

function withStart(start: Uint8Array, source: ByteSource): ByteSource {
  let rest = start;
  return {
    read(into) {
      if (rest.length === 0) return source.read(into);
      const count = Math.min(into.length, rest.length);
      into.set(rest.subarray(0, count));
      rest = rest.subarray(count);
      return count;
    },
    close: () => source.close(),
  };
}
