import { open, stat } from "node:fs/promises";
import { AgentError } from "../src/errors/agent-error.ts";
import { BLOCK, type DiskImage, isZero } from "./disk-image.ts";

const CHUNK_BYTES = 2 * 1024 * 1024;
/** Each of these pieces is a new buffer. */
const REGION_BYTES = 1024 * 1024;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

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
    const needs = (await stat(path)).size;
    if (needs > room) throw new AgentError("IMAGE_SPACE", { place, needs, has: room });
    // The next chunk is read while the one before it is written.
    const buffers = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)] as const;
    const read = async (index: number): Promise<Buffer> => {
      const buffer = buffers[index % 2 === 0 ? 0 : 1];
      return buffer.subarray(0, (await file.read(buffer, 0, CHUNK_BYTES, index * CHUNK_BYTES)).bytesRead);
    };
    let next = read(0);
    let written = 0;
    for (let index = 0; ; index++) {
      const chunk = await next;
      const at = index * CHUNK_BYTES;
      if (chunk.length === 0) return;
      if (at + chunk.length > room) throw new AgentError("IMAGE_SPACE", { place, needs: at + chunk.length, has: room });
      next = read(index + 1);
      if (endIsFree && isZero(chunk)) continue;
      for (; written < at; written += CHUNK_BYTES) await image.write(ZEROS, offset + written);
      await image.write(chunk, offset + at);
      written = at + chunk.length;
    }
  } finally {
    await file.close();
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
