import { AgentError } from "../../errors/agent-error.ts";
import type { ByteSource, MaybePromise } from "../../util/byte-source.ts";
import { childSource } from "./child-source.ts";
import { gunzipStreamSource } from "./gunzip-stream.ts";
import { openRawInflater, type RawFormat, type RawInflater } from "./raw-inflater.ts";

/** Larger chunks bring no more speed: the plateau begins at 256 KiB. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Decompresses gzip, with one member or several, straight into the caller's buffer. Memory: one fixed chunk of input
 * and zlib's own window, for any data.
 *
 * The source throws ARTIFACT_COMPRESSED_DATA for damaged, truncated and trailing data.
 */
export function inflateSource(source: ByteSource, chunkBytes = CHUNK_BYTES, open = openRawInflater): ByteSource {
  return rawSource(source, "gzip", chunkBytes, open) ?? gunzipStreamSource(source, chunkBytes);
}

/** As `inflateSource`, for zstd: in process if the runtime supports it, otherwise with the program `zstd`. */
export function zstdSource(source: ByteSource, chunkBytes = CHUNK_BYTES, open = openRawInflater): ByteSource {
  return rawSource(source, "zstd", chunkBytes, open) ?? childSource(source, "zstd");
}

function rawSource(
  source: ByteSource,
  format: RawFormat,
  chunkBytes: number,
  open: typeof openRawInflater,
): ByteSource | undefined {
  const raw = open(format);
  return raw === undefined ? undefined : new InflateSource(source, raw, format, chunkBytes);
}

class InflateSource implements ByteSource {
  readonly #source: ByteSource;
  readonly #raw: RawInflater;
  readonly #format: RawFormat;
  readonly #input: Uint8Array;
  #start = 0;
  #end = 0;
  /** zlib filled the last buffer, so it may hold more output without more input. */
  #pending = false;
  #ended = false;

  constructor(source: ByteSource, raw: RawInflater, format: RawFormat, chunkBytes: number) {
    this.#format = format;
    this.#source = source;
    this.#raw = raw;
    this.#input = Buffer.allocUnsafe(chunkBytes);
  }

  read(into: Uint8Array): MaybePromise<number> {
    for (;;) {
      if (this.#start < this.#end || this.#pending) {
        const count = this.#inflate(into);
        if (count > 0) return count;
        continue;
      }
      if (this.#ended) return 0;
      const got = this.#source.read(this.#input);
      if (typeof got !== "number") {
        return got.then((count) => {
          this.#refilled(count);
          return this.read(into);
        });
      }
      this.#refilled(got);
    }
  }

  async close(): Promise<void> {
    this.#ended = true;
    this.#start = this.#end = 0;
    this.#pending = false;
    this.#raw.close();
    await this.#source.close();
  }

  #refilled(count: number): void {
    this.#start = 0;
    this.#end = count;
    if (count > 0) return;
    this.#ended = true;
    if (!this.#raw.isComplete())
      throw new AgentError("ARTIFACT_COMPRESSED_DATA", { format: this.#format, reason: "incomplete" });
  }

  #inflate(into: Uint8Array): number {
    const { consumed, produced } = this.#raw.inflate(this.#input, this.#start, this.#end, into);
    this.#start += consumed;
    this.#pending = produced === into.length;
    if (consumed === 0 && produced === 0 && this.#start < this.#end) {
      throw new AgentError("ARTIFACT_COMPRESSED_DATA", { format: this.#format, reason: "trailing data" });
    }
    return produced;
  }
}
