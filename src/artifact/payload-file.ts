import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { AgentError } from "../errors/agent-error.ts";
import { checkDataFileName } from "./tar/member-name.ts";
import type { TarEntry } from "./tar-writer.ts";

/** A hashed file for an Artifact. */
export interface SourceFile {
  readonly path: string;
  readonly name: string;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Called with the number of bytes read. */
export type OnBytes = (count: number) => void;

const READ_BYTES = 1024 * 1024;
export const FILE_MODE = 0o644;
/** The limit of clients from version 4 on for a name in the manifest, without `data/0000/`. */
const MAX_NAME_CHARACTERS = 90;

/**
 * First pass: reads the file to hash it.
 *
 * @throws {AgentError} ARTIFACT_MEMBER_NAME, PAYLOAD_UNREADABLE; the signal's reason
 */
export async function hashSourceFile(path: string, onBytes: OnBytes, signal: AbortSignal): Promise<SourceFile> {
  const name = basename(path);
  checkDataFileName(name);
  if (name.length > MAX_NAME_CHARACTERS) throw new AgentError("ARTIFACT_MEMBER_NAME", { name, reason: "too long" });
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of readChunks(path, onBytes, signal)) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { path, name, sizeBytes, sha256: hash.digest("hex") };
}

/** Second pass: the file as a tar entry. Its content throws PAYLOAD_CHANGED if it differs from what was hashed. */
export function payloadEntry(file: SourceFile, onBytes: OnBytes, signal: AbortSignal): TarEntry {
  return { name: file.name, mode: FILE_MODE, sizeBytes: file.sizeBytes, content: readUnchanged(file, onBytes, signal) };
}

async function* readUnchanged(file: SourceFile, onBytes: OnBytes, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let left = file.sizeBytes;
  for await (const chunk of readChunks(file.path, onBytes, signal)) {
    hash.update(chunk);
    left -= chunk.length;
    if (left < 0) break;
    yield chunk;
  }
  if (hash.digest("hex") !== file.sha256) throw new AgentError("PAYLOAD_CHANGED", { path: file.path });
}

/** Each chunk is valid until the next one is requested: all share one buffer. */
async function* readChunks(path: string, onBytes: OnBytes, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const file = await openPayload(path);
  try {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      onBytes(bytesRead);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function openPayload(path: string): Promise<FileHandle> {
  let file: FileHandle | undefined;
  try {
    // O_NONBLOCK: opening a pipe must not wait for its writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    // A pipe cannot be read twice, and a folder cannot be read at all.
    if ((await file.stat()).isFile()) return file;
  } catch (cause) {
    await file?.close();
    throw new AgentError("PAYLOAD_UNREADABLE", { path }, cause);
  }
  await file.close();
  throw new AgentError("PAYLOAD_UNREADABLE", { path, reason: "not a regular file" });
}
