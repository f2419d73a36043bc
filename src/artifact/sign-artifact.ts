import { type FileHandle, open } from "node:fs/promises";
import { AgentError } from "../errors/agent-error.ts";
import type { OutputFile, WriteOutput } from "../ports/files.ts";
import type { ByteSource } from "../util/byte-source.ts";
import { openFileSource } from "../util/file-source.ts";
import { isPipe } from "../util/pipe.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { openArtifact } from "./reader.ts";
import { type SigningKey, signManifest } from "./signing.ts";
import { TarScanner } from "./tar/scanner.ts";
import { entryOf, tarEntry } from "./tar-writer.ts";

const BLOCK_BYTES = 512;
const COPY_BYTES = 1024 * 1024;
const SIGNATURE_MODE = 0o600;

/** The position of a new signature. */
interface SignaturePlace {
  readonly manifest: Uint8Array;
  /** End of the manifest, including its padding. */
  readonly insertAt: number;
  /** Where copying continues: after the old signature, if there is one. */
  readonly continueAt: number;
}

/**
 * Writes the Artifact at `path` with a signature to the output file, which may be the same file. Copies all other
 * members byte for byte. Writes nothing unless the whole Artifact is valid.
 *
 * @param force replaces an existing signature
 * @throws {AgentError} ARTIFACT_ALREADY_SIGNED, OUTPUT_FAILED, and the codes of `openArtifact` and of the key; the
 * signal's reason
 */
export async function signArtifact(
  path: string,
  write: WriteOutput,
  key: SigningKey,
  force: boolean,
  signal: AbortSignal,
): Promise<void> {
  // The Artifact is read three times.
  if (isPipe(path)) throw new AgentError("ARTIFACT_READ", { path, reason: "a named pipe can be read only once" });
  await namingFile(path, signal, () => validate(path, force, signal));
  const place = await findPlace(path, signal);
  const signature = entryOf("manifest.sig", SIGNATURE_MODE, await signManifest(place.manifest, key, signal));
  const input = await open(path, "r");
  try {
    await write(async (output) => {
      await copy(input, output, 0, place.insertAt, signal);
      for await (const chunk of tarEntry(signature)) await output.write(chunk);
      await copy(input, output, place.continueAt, Number.POSITIVE_INFINITY, signal);
    });
  } finally {
    await input.close();
  }
}

async function validate(path: string, force: boolean, signal: AbortSignal): Promise<void> {
  const reader = await openArtifact(await openArtifactFile(path, signal));
  try {
    if (reader.info.signature.present && !force) throw new AgentError("ARTIFACT_ALREADY_SIGNED", { path });
    await reader.finish();
  } finally {
    await reader.close();
  }
}

/**
 * Adds the file's path to every failure to read it as an Artifact, which only says where in the Artifact it happened.
 */
export async function namingFile<T>(path: string, signal: AbortSignal, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (signal.aborted || !(error instanceof AgentError) || "path" in error.detail) throw error;
    throw new AgentError(error.code, { path, ...error.detail }, error.cause);
  }
}

/** Opens a file to be read as an Artifact. @throws {AgentError} ARTIFACT_READ */
export async function openArtifactFile(path: string, signal: AbortSignal): Promise<ByteSource> {
  const source = await openFileSource(path, signal).catch((cause: unknown) => {
    throw new AgentError("ARTIFACT_READ", { path }, cause);
  });
  return {
    read(into) {
      signal.throwIfAborted();
      return source.read(into);
    },
    close: () => source.close(),
  };
}

/** Follows the scanner's position in the file through the members before the header. */
async function findPlace(path: string, signal: AbortSignal): Promise<SignaturePlace> {
  const file = await openFileSource(path, signal);
  let position = 0;
  const source: ByteSource = {
    async read(into) {
      const count = await file.read(into);
      position += count;
      return count;
    },
    close: () => file.close(),
  };
  try {
    const scanner = new TarScanner(source, "artifact", DEFAULT_LIMITS);
    let manifest: Uint8Array = new Uint8Array(0);
    let insertAt = 0;
    for (;;) {
      const member = await scanner.next();
      const end = paddedEnd(position, member?.sizeBytes ?? 0);
      if (member?.name === "manifest") {
        manifest = await readContent(scanner, member.sizeBytes);
        insertAt = end;
      } else if (member?.name !== "version") {
        return { manifest, insertAt, continueAt: member?.name === "manifest.sig" ? end : insertAt };
      }
    }
  } finally {
    await source.close();
  }
}

function paddedEnd(contentStart: number, sizeBytes: number): number {
  return contentStart + Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
}

async function readContent(scanner: TarScanner, sizeBytes: number): Promise<Uint8Array> {
  const content = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; ) at += await scanner.read(content.subarray(at));
  return content;
}

async function copy(from: FileHandle, to: OutputFile, start: number, end: number, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(COPY_BYTES);
  for (let at = start; at < end; ) {
    signal.throwIfAborted();
    const { bytesRead } = await from.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) return;
    await to.write(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}
