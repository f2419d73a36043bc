import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { AgentError } from "../../errors/agent-error.ts";
import type { OutputFile, WriteOutput } from "../../ports/files.ts";
import type { PayloadFile } from "../../ports/payload-handler.ts";
import { isPipe } from "../../util/pipe.ts";
import { compress, compressHeader } from "../compression/compress.ts";
import type { Compressor } from "../compression/compressors.ts";
import { decompress } from "../compression/decompress.ts";
import { memberName } from "../compression/formats.ts";
import type { ArtifactInfo } from "../model.ts";
import { appendMember, MEMBER_MODE } from "../outer-writer.ts";
import { FILE_MODE, type OnBytes, payloadEntry, type SourceFile } from "../payload-file.ts";
import { openArtifact } from "../reader.ts";
import { namingFile, openArtifactFile } from "../sign-artifact.ts";
import { type SigningKey, signManifest } from "../signing.ts";
import { entryOf, TAR_END, tarEntry, tarOf } from "../tar-writer.ts";
import { editedHeader } from "./edited-header.ts";
import { checkEdit, type HeaderEdit } from "./header-edit.ts";
import { copyRange, findPlaces, type Places, rangeOf, withFile } from "./places.ts";

/** Changes to an Artifact. What is absent stays as it is, except for the signature. */
export interface ArtifactEdit {
  readonly header?: HeaderEdit;
  /** A new content for the only file of the only payload, which keeps its name in the Artifact. */
  readonly image?: SourceFile;
  readonly compression?: Compressor;
  /** Signs the result. Without a key it has no signature: the old one would not fit. */
  readonly key?: SigningKey;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Writes the Artifact at `path` with changes to the output file, which may be the same file. Copies the payload's bytes
 * as they are stored unless they change. Memory does not grow with any part of the Artifact. Writes nothing unless
 * the whole Artifact is valid.
 *
 * @param onBytes called with bytes of the Artifact as they are verified, and again as the payload is written
 * @throws {AgentError} the codes of `openArtifact` and `checkEdit`, ARTIFACT_READ, OPTION_INVALID, OUTPUT_FAILED,
 * COMPRESSOR_MISSING, COMPRESSOR_FAILED, PAYLOAD_CHANGED, SCRIPT_UNREADABLE; the signal's reason
 */
export async function editArtifact(
  path: string,
  write: WriteOutput,
  edit: ArtifactEdit,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<ArtifactInfo> {
  if (isPipe(path)) throw new AgentError("ARTIFACT_READ", { path, reason: "a named pipe can be read only once" });
  const info = await namingFile(path, signal, () => verified(path, onBytes, signal));
  checkEdit(info, edit.header ?? {});
  if (edit.image !== undefined) imageName(info);
  await withFile(path, async (input) => {
    const places = await findPlaces(input);
    const header = headerOf(input, places, info, edit, signal);
    // The manifest precedes the header and holds its checksum: make the header twice instead of keeping it.
    const { sha256, sizeBytes } = await measure(header());
    const manifest = newManifest(places, info, edit, sha256);
    const signature = edit.key && (await signManifest(manifest, edit.key, signal));
    await write(async (output) => {
      await copyRange(input, output, 0, places.manifestStart, signal);
      await append(output, "manifest", manifest);
      if (signature !== undefined) await append(output, "manifest.sig", signature);
      const name = memberName("header", compressorOf(info, edit));
      const content = header();
      for await (const chunk of tarEntry({ name, mode: MEMBER_MODE, sizeBytes, content })) await output.write(chunk);
      await writeData(path, input, output, places, info, edit, onBytes, signal);
    });
  });
  return info;
}

const compressorOf = (info: ArtifactInfo, edit: ArtifactEdit): Compressor => edit.compression ?? info.compression;

async function verified(path: string, onBytes: OnBytes, signal: AbortSignal): Promise<ArtifactInfo> {
  const reader = await openArtifact(await openArtifactFile(path, signal, onBytes));
  try {
    await reader.finish();
    return reader.info;
  } finally {
    await reader.close();
  }
}

/** @throws {AgentError} OPTION_INVALID if the Artifact is not one image */
function imageName({ payloads }: ArtifactInfo): string {
  const [payload, ...more] = payloads;
  const [file, ...moreFiles] = payload?.files ?? [];
  if (file !== undefined && more.length === 0 && moreFiles.length === 0) return file.name;
  throw new AgentError("PAYLOAD_FILES", { files: payload?.files.length ?? 0 });
}

/** Makes the new header member, as often as it is called. */
function headerOf(
  input: FileHandle,
  { header: { start, sizeBytes, format } }: Places,
  info: ArtifactInfo,
  edit: ArtifactEdit,
  signal: AbortSignal,
): () => AsyncIterable<Uint8Array> {
  const checksum = edit.image?.sha256 ?? info.payloads[0]?.files[0]?.sha256;
  async function* plain(): AsyncGenerator<Uint8Array> {
    const unpacked = await decompress(rangeOf(input, start, sizeBytes), format);
    try {
      yield* editedHeader(unpacked, info, edit.header ?? {}, checksum, signal);
    } finally {
      await unpacked.close();
    }
  }
  return () => compressHeader(compressorOf(info, edit), plain(), signal);
}

async function measure(chunks: AsyncIterable<Uint8Array>): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sha256: hash.digest("hex"), sizeBytes };
}

/** The same lines in the same order, with the new checksums. */
function newManifest({ manifest, header }: Places, info: ArtifactInfo, edit: ArtifactEdit, sha256: string): Buffer {
  const changed = new Map([[header.name, `${sha256}  ${memberName("header", compressorOf(info, edit))}`]]);
  if (edit.image !== undefined) {
    const name = `data/0000/${imageName(info)}`;
    changed.set(name, `${edit.image.sha256}  ${name}`);
  }
  const lines = manifest.toString("latin1").split("\n");
  return Buffer.from(lines.map((line) => changed.get(line.slice(66)) ?? line).join("\n"), "latin1");
}

async function append(output: OutputFile, name: string, content: Uint8Array): Promise<void> {
  for await (const chunk of tarEntry(entryOf(name, MEMBER_MODE, content))) await output.write(chunk);
}

async function writeData(
  path: string,
  input: FileHandle,
  output: OutputFile,
  { headerEnd }: Places,
  info: ArtifactInfo,
  edit: ArtifactEdit,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<void> {
  const compressor = compressorOf(info, edit);
  if (edit.image !== undefined) {
    const image = { ...edit.image, name: imageName(info) };
    const { sha256 } = edit.image;
    const check = (found: string): void => {
      if (found !== sha256) throw new AgentError("PAYLOAD_CHANGED", { path: image.path });
    };
    const tar = tarOf([payloadEntry(image, onBytes, check, signal)]);
    await appendMember(output, memberName("data/0000", compressor), compress(compressor, tar, signal));
    await output.write(TAR_END);
  } else if (compressor !== info.compression) {
    await writePayloads(path, output, compressor, onBytes, signal);
    await output.write(TAR_END);
  } else await copyRange(input, output, headerEnd, Number.POSITIVE_INFINITY, signal);
}

/** Compresses all payloads anew. */
async function writePayloads(
  path: string,
  output: OutputFile,
  compressor: Compressor,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<void> {
  const reader = await openArtifact(await openArtifactFile(path, signal));
  try {
    for (let payload = await reader.nextPayload(); payload !== undefined; payload = await reader.nextPayload()) {
      const base = `data/${String(payload.index).padStart(4, "0")}`;
      const tar = tarOfFiles(payload, onBytes);
      await appendMember(output, memberName(base, compressor), compress(compressor, tar, signal));
    }
  } finally {
    await reader.close();
  }
}

async function* tarOfFiles(
  payload: { next(): Promise<PayloadFile | undefined> },
  onBytes: OnBytes,
): AsyncGenerator<Uint8Array> {
  for (let file = await payload.next(); file !== undefined; file = await payload.next()) {
    const { name, sizeBytes } = file;
    yield* tarEntry({ name, mode: FILE_MODE, sizeBytes, content: contentOf(file, onBytes) });
  }
  yield TAR_END;
}

/** Each chunk is valid until the next one is requested. */
async function* contentOf(file: PayloadFile, onBytes: OnBytes): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let count = await file.read(chunk); count > 0; count = await file.read(chunk)) {
    onBytes(count);
    yield chunk.subarray(0, count);
  }
}
