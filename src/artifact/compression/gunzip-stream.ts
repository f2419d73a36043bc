import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { AgentError } from "../../errors/agent-error.ts";
import { type ByteSource, readerOfChunks } from "../../util/byte-source.ts";

/**
 * Decompresses gzip with the public stream of node:zlib, for a runtime whose internals `openRawInflater` cannot use.
 * Throws ARTIFACT_COMPRESSED_DATA for errors of the stream and for data after its end; passes on errors of `source`.
 */
export function gunzipStreamSource(source: ByteSource, chunkBytes: number): ByteSource {
  const format = "gzip";
  const transform = createGunzip({ chunkSize: chunkBytes });
  let fed = 0;
  let sourceError: unknown;
  const input = Readable.from(chunksOf(), { objectMode: false, highWaterMark: chunkBytes });
  input.once("error", (error) => {
    sourceError = error;
    transform.destroy(error);
  });
  input.pipe(transform);
  const output = transform[Symbol.asyncIterator]();
  let closed: Promise<void> | undefined;
  return {
    read: readerOfChunks(nextChunk),
    close() {
      closed ??= release();
      return closed;
    },
  };

  async function* chunksOf(): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = Buffer.allocUnsafe(chunkBytes);
      const count = await source.read(chunk);
      if (count === 0) return;
      fed += count;
      yield chunk.subarray(0, count);
    }
  }

  async function nextChunk(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await output.next();
      if (done !== true) return value;
    } catch (cause) {
      if (sourceError !== undefined) throw sourceError;
      throw new AgentError("ARTIFACT_COMPRESSED_DATA", { format }, cause);
    }
    // zlib stops silently at data that cannot begin another member.
    if (transform.bytesWritten < fed || (await source.read(Buffer.alloc(1))) > 0) {
      throw new AgentError("ARTIFACT_COMPRESSED_DATA", { format, reason: "trailing data" });
    }
    return undefined;
  }

  async function release(): Promise<void> {
    transform.destroy();
    input.destroy();
    await source.close();
  }
}
