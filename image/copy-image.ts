import { type FileHandle, open, stat } from "node:fs/promises";
import { AgentError } from "../src/errors/agent-error.ts";
import { type ByteRange, dataRanges } from "./data-ranges.ts";
import { BLOCK, type DiskImage, isZero, ZEROS } from "./disk-image.ts";

const CHUNK_BYTES = 2 * 1024 * 1024;
/** Reads that are under way at the same time. */
const READS = 3;
/** Each of these pieces is a new buffer. */
const REGION_BYTES = 1024 * 1024;

export interface CopyOptions {
  /** Bytes that may be written. */
  readonly room: number;
  /** Names the target in messages. */
  readonly place: string;
  /** Whether zeros at the end are free space, which nothing reads. */
  readonly endIsFree?: boolean;
}

/** Copies a file into the image. @throws {AgentError} IMAGE_INPUT, IMAGE_SPACE */
export async function copyInto(image: DiskImage, offset: number, path: string, options: CopyOptions): Promise<void> {
  const { room, place, endIsFree = false } = options;
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new AgentError("IMAGE_INPUT", { path }, cause);
  });
  try {
    const stats = await stat(path);
    const needs = stats.size;
    if (needs > room) throw new AgentError("IMAGE_SPACE", { place, needs, has: room });
    let written = 0;
    for await (const { at, chunk } of chunksOf(file, needs, await dataRanges(path, stats))) {
      if (at + chunk.length > room) throw new AgentError("IMAGE_SPACE", { place, needs: at + chunk.length, has: room });
      if (endIsFree && isZero(chunk)) continue;
      for (; written < at; written += CHUNK_BYTES) await image.write(ZEROS, offset + written);
      await image.write(chunk, offset + at);
      written = at + chunk.length;
    }
  } finally {
    await file.close();
  }
}

/**
 * Reads the next chunks while the caller writes one, but not those that are holes. A chunk is valid until the next one is
 * requested.
 *
 * @param data the ranges that are not holes, if they are known
 */
async function* chunksOf(
  file: FileHandle,
  size: number,
  data: readonly ByteRange[] = [{ start: 0, end: Number.POSITIVE_INFINITY }],
): AsyncGenerator<{ readonly at: number; readonly chunk: Buffer }> {
  const ranges = [...data];
  const isHole = (at: number): boolean => {
    while (ranges[0] !== undefined && ranges[0].end <= at) ranges.shift();
    return at < size && (ranges[0]?.start ?? Number.POSITIVE_INFINITY) >= at + CHUNK_BYTES;
  };
  const read = (buffer: Buffer, at: number): Promise<Buffer> => {
    if (isHole(at)) return Promise.resolve(ZEROS.subarray(0, Math.min(CHUNK_BYTES, size - at)));
    const reading = file.read(buffer, 0, CHUNK_BYTES, at).then(({ bytesRead }) => buffer.subarray(0, bytesRead));
    // ignored: the loop reports a failure in its turn, unless an earlier failure ends it.
    reading.catch(() => undefined);
    return reading;
  };
  const ahead = Array.from({ length: READS }, (_, index) => {
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    return { buffer, reading: read(buffer, index * CHUNK_BYTES) };
  });
  for (let index = 0; ; index++) {
    const next = ahead[index % READS];
    const chunk = await next?.reading;
    if (next === undefined || chunk === undefined || chunk.length === 0) return;
    yield { at: index * CHUNK_BYTES, chunk };
    next.reading = read(next.buffer, (index + READS) * CHUNK_BYTES);
  }
}

/** Copies what was written between two places of the image, or of another one. */
export async function copyRegion(
  from: DiskImage,
  start: number,
  length: number,
  to: DiskImage,
  offset: number,
): Promise<void> {
  const last = Math.ceil((start + length) / BLOCK);
  for (const { first, count } of from.runs(Math.floor(start / BLOCK), last)) {
    const end = Math.min((first + count) * BLOCK, start + length);
    for (let at = Math.max(first * BLOCK, start); at < end; at += REGION_BYTES) {
      await to.write(await from.read(at, Math.min(REGION_BYTES, end - at)), offset + at - start);
    }
  }
}
