import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { AgentError } from "../errors/agent-error.ts";
import { DeferredHash } from "./deferred-hash.ts";
import { checkDataFileName } from "./tar/member-name.ts";
import type { TarEntry } from "./tar-writer.ts";

/** A file for an Artifact, before it is read. */
export interface PayloadSource {
  readonly path: string;
  readonly name: string;
  readonly sizeBytes: number;
}

/** A hashed file for an Artifact. */
export interface SourceFile extends PayloadSource {
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Called with the number of bytes read. */
export type OnBytes = (count: number) => void;

const READ_BYTES = 1024 * 1024;
export const FILE_MODE = 0o644;
/** The limit of clients from version 4 on for a name in the manifest, without `data/0000/`. */
const MAX_NAME_CHARACTERS = 90;

/** @throws {AgentError} ARTIFACT_MEMBER_NAME, PAYLOAD_UNREADABLE */
export async function findPayload(path: string): Promise<PayloadSource> {
  const name = basename(path);
  checkDataFileName(name);
  if (name.length > MAX_NAME_CHARACTERS) throw new AgentError("ARTIFACT_MEMBER_NAME", { name, reason: "too long" });
  const file = await openPayload(path);
  try {
    return { path, name, sizeBytes: (await file.stat()).size };
  } finally {
    await file.close();
  }
}

/**
 * The file as a tar entry. Its content throws PAYLOAD_CHANGED if the file has another size than expected, or if it
 * changes while it is read.
 *
 * @param onHash called with the SHA-256 of what was read, in lower-case hex, when all of it was requested
 */
export function payloadEntry(
  { path, name, sizeBytes }: PayloadSource,
  onBytes: OnBytes,
  onHash: (sha256: string) => void,
  signal: AbortSignal,
): TarEntry {
  async function* content(): AsyncGenerator<Uint8Array> {
    const file = await openPayload(path);
    try {
      const before = await stateOf(file);
      const hash = new DeferredHash();
      let left = sizeBytes;
      for await (const chunk of readChunks(file, signal)) {
        onBytes(chunk.length);
        left -= chunk.length;
        if (left < 0) break;
        hash.add(chunk);
        // Hashes while the receiver of the chunk waits for storage or for the thread pool.
        setImmediate(() => hash.takeIn());
        yield chunk;
        hash.takeIn();
      }
      if (left !== 0 || (await stateOf(file)) !== before) throw new AgentError("PAYLOAD_CHANGED", { path });
      onHash(hash.digest());
    } finally {
      await file.close();
    }
  }
  return { name, mode: FILE_MODE, sizeBytes, content: content() };
}

/** Changes whenever the content is written to. */
async function stateOf(file: FileHandle): Promise<string> {
  const { size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
  return `${size} ${mtimeNs} ${ctimeNs}`;
}

/** Reads the next chunk while the caller works on one. A chunk is valid until the next one is requested. */
async function* readChunks(file: FileHandle, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let [buffer, spare] = [Buffer.allocUnsafeSlow(READ_BYTES), Buffer.allocUnsafeSlow(READ_BYTES)];
  let reading = file.read(buffer, 0, READ_BYTES, null);
  try {
    for (;;) {
      signal.throwIfAborted();
      const chunk = buffer.subarray(0, (await reading).bytesRead);
      if (chunk.length === 0) return;
      [buffer, spare] = [spare, buffer];
      reading = file.read(buffer, 0, READ_BYTES, null);
      yield chunk;
    }
  } finally {
    await reading.catch(() => undefined); // ignored: nobody wants this chunk, but the file must not be closed under it.
  }
}

async function openPayload(path: string): Promise<FileHandle> {
  let file: FileHandle | undefined;
  try {
    // O_NONBLOCK: opening a pipe must not wait for its writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    // The header of a file in a tar states its size, which a pipe does not have. A folder cannot be read at all.
    if ((await file.stat()).isFile()) return file;
  } catch (cause) {
    await file?.close();
    throw new AgentError("PAYLOAD_UNREADABLE", { path }, cause);
  }
  await file.close();
  throw new AgentError("PAYLOAD_UNREADABLE", { path, reason: "not a regular file" });
}
