import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { type PathInPlace, placedPath } from "../../../../image/files/disk-places.ts";
import { workFiles } from "../../../agent/files.ts";
import type { ArtifactInfo } from "../../../artifact/model.ts";
import type { OnBytes, SourceFile } from "../../../artifact/payload-file.ts";
import { openArtifact } from "../../../artifact/reader.ts";
import { namingFile, openArtifactFile } from "../../../artifact/sign-artifact.ts";
import { AgentError } from "../../../errors/agent-error.ts";
import type { PayloadFile } from "../../../ports/payload-handler.ts";
import type { ImageTarget } from "./image-target.ts";

const CHUNK_BYTES = 1024 * 1024;
/** The first member of every Artifact. */
const FIRST_MEMBER = "version\0";

/** The image of an Artifact, in a temporary file. */
export interface ArtifactImage {
  readonly info: ArtifactInfo;
  readonly at: PathInPlace;
  /** The image as it is now, for a new Artifact. */
  source(): Promise<SourceFile>;
  close(): Promise<void>;
}

/** Whether a file is an Artifact. A missing file is none. */
export async function isArtifact(path: string): Promise<boolean> {
  const file = await open(path).catch(() => undefined); // ignored: the code that opens the image reports it.
  if (file === undefined) return false;
  try {
    const head = Buffer.alloc(FIRST_MEMBER.length);
    await file.read(head, 0, head.length, 0);
    return head.toString("latin1") === FIRST_MEMBER;
  } catch {
    return false; // ignored: a folder cannot be read; the same code reports it.
  } finally {
    await file.close();
  }
}

/**
 * Unpacks the only file of an Artifact, and verifies the whole Artifact.
 *
 * @throws {AgentError} the codes of `openArtifact`, PAYLOAD_FILES, IMAGE_PARTITION, OUTPUT_FAILED; the signal's reason
 */
export async function openArtifactImage(
  { image, path }: ImageTarget,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<ArtifactImage> {
  if (placedPath(path).role !== "rootfs") {
    throw new AgentError("IMAGE_PARTITION", { image, path, reason: "an Artifact holds only the root file system" });
  }
  const { openWorkFile } = await workFiles();
  const work = await openWorkFile();
  try {
    const { info, name } = await namingFile(image, signal, () => unpack(image, work.write, onBytes, signal));
    await work.end();
    return {
      info,
      at: { place: { path: work.path, offset: 0, size: work.sizeBytes }, path },
      source: () => hashed(work.path, name, signal),
      close: () => work.close(),
    };
  } catch (error) {
    await work.close();
    throw error;
  }
}

async function unpack(
  path: string,
  write: (chunk: Uint8Array) => Promise<void>,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<{ readonly info: ArtifactInfo; readonly name: string }> {
  const reader = await openArtifact(await openArtifactFile(path, signal, onBytes));
  try {
    const [payload, ...more] = reader.info.payloads;
    const count = more.length === 0 ? (payload?.files.length ?? 0) : 0;
    const file = count === 1 ? await (await reader.nextPayload())?.next() : undefined;
    if (file === undefined) throw new AgentError("PAYLOAD_FILES", { files: count });
    await copy(file, write);
    await reader.finish();
    return { info: reader.info, name: file.name };
  } finally {
    await reader.close();
  }
}

async function copy(file: PayloadFile, write: (chunk: Uint8Array) => Promise<void>): Promise<void> {
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  for (let count = await file.read(chunk); count > 0; count = await file.read(chunk)) {
    await write(chunk.subarray(0, count));
  }
}

async function hashed(path: string, name: string, signal: AbortSignal): Promise<SourceFile> {
  const file = await open(path);
  try {
    const hash = createHash("sha256");
    const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    let sizeBytes = 0;
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(chunk, 0, chunk.length, sizeBytes);
      if (bytesRead === 0) return { path, name, sizeBytes, sha256: hash.digest("hex") };
      hash.update(chunk.subarray(0, bytesRead));
      sizeBytes += bytesRead;
    }
  } finally {
    await file.close();
  }
}
