import { type FileHandle, open } from "node:fs/promises";
import { decompress } from "../../src/artifact/compression/decompress.ts";
import { formatOf } from "../../src/artifact/compression/formats.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { readFully } from "../../src/util/byte-source.ts";
import { openFileSource } from "../../src/util/file-source.ts";
import type { Packing } from "./kind-of-file.ts";

const CHUNK_BYTES = 1024 * 1024;
/** The smallest piece that becomes a hole. */
const BLOCK_BYTES = 4096;
const MAX_IMAGE_BYTES = 1024 ** 4;
const SUFFIXES: Readonly<Record<Packing, string>> = { gzip: ".gz", xz: ".xz", zstd: ".zst" };

/**
 * Decompresses an image into a new sparse file, with bounded memory.
 *
 * @throws {AgentError} IMAGE_COMPRESSED, DECOMPRESSOR_MISSING
 */
export async function unpackImage(
  path: string,
  packing: Packing,
  into: string,
  signal: AbortSignal,
  advance: (bytes: number) => void,
): Promise<void> {
  const format = formatOf(`image.tar${SUFFIXES[packing]}`, "image");
  if (format === undefined) throw new Error(`no format for ${packing}`);
  const packed = await openFileSource(path, signal);
  const target = await open(into, "wx+");
  try {
    const source = await decompress(packed, format);
    try {
      await copySparse(source, target, signal, advance);
    } finally {
      await source.close();
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof AgentError && cause.code === "DECOMPRESSOR_MISSING") throw cause;
    throw new AgentError("IMAGE_COMPRESSED", { path, format: packing }, cause);
  } finally {
    await packed.close();
    await target.close();
  }
}

async function copySparse(
  source: Parameters<typeof readFully>[0],
  target: FileHandle,
  signal: AbortSignal,
  advance: (bytes: number) => void,
): Promise<void> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let size = 0;
  for (;;) {
    signal.throwIfAborted();
    const count = await readFully(source, chunk);
    if (count === 0) break;
    await writeData(target, chunk.subarray(0, count), size);
    size += count;
    advance(count);
    if (size > MAX_IMAGE_BYTES) throw new Error(`larger than ${MAX_IMAGE_BYTES} bytes`);
  }
  await target.truncate(size);
}

/** Writes the blocks that are not zero. The file is new, so that the others are holes. */
async function writeData(target: FileHandle, bytes: Buffer, offset: number): Promise<void> {
  const isHole = (at: number): boolean => isZero(bytes.subarray(at, at + BLOCK_BYTES));
  for (let at = 0; at < bytes.length; ) {
    const from = at;
    while (at < bytes.length && !isHole(at)) at += BLOCK_BYTES;
    const end = Math.min(at, bytes.length);
    for (let done = from; done < end; ) {
      done += (await target.write(bytes, done, end - done, offset + done)).bytesWritten;
    }
    while (at < bytes.length && isHole(at)) at += BLOCK_BYTES;
  }
}

const ZEROS = Buffer.alloc(BLOCK_BYTES);
const isZero = (bytes: Buffer): boolean => bytes.equals(ZEROS.subarray(0, bytes.length));
