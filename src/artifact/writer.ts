import { createHash } from "node:crypto";
import { AgentError } from "../errors/agent-error.ts";
import type { WriteOutput } from "../ports/files.ts";
import { checkImageSize } from "../util/image-size.ts";
import { type ArtifactRequest, checkRequest } from "./artifact-request.ts";
import { compress, compressHeader } from "./compression/compress.ts";
import { memberName } from "./compression/formats.ts";
import { headerEntries } from "./header-writer.ts";
import { appendMember, MEMBER_MODE } from "./outer-writer.ts";
import { hashSourceFile, type OnBytes, payloadEntry, type SourceFile } from "./payload-file.ts";
import { findScripts } from "./script-files.ts";
import { type SigningKey, signManifest } from "./signing.ts";
import { entryOf, TAR_END, tarEntry, tarOf } from "./tar-writer.ts";

const VERSION = Buffer.from('{"format":"mender","version":3}');

/** Summary of the written Artifact. */
export interface WrittenArtifact {
  readonly sizeBytes: number;
  readonly files: readonly SourceFile[];
  readonly scripts: readonly string[];
}

/**
 * Writes an Artifact of version 3. The same request gives the same bytes on the same runtime (except for an ECDSA
 * signature). Reads payload files twice, first to hash and then to stream them; memory use does not grow with them or
 * with state scripts. The output file gets the whole Artifact or stays unchanged.
 *
 * @param onBytes called twice for each payload byte
 * @throws {AgentError} ARTIFACT_FIELD, ARTIFACT_MEMBER_NAME, IMAGE_TOO_SMALL, PAYLOAD_UNREADABLE, PAYLOAD_DUPLICATE,
 * PAYLOAD_CHANGED, SCRIPT_UNREADABLE, SCRIPT_NAME, SCRIPT_DUPLICATE, COMPRESSOR_MISSING, COMPRESSOR_FAILED,
 * OUTPUT_FAILED, and the codes of the key; the signal's reason
 * @see Artifact format v3
 */
export async function writeArtifact(
  request: ArtifactRequest,
  write: WriteOutput,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<WrittenArtifact> {
  checkRequest(request);
  const scripts = await findScripts(request.scripts);
  const files = await hashFiles(request.payload.files, onBytes, signal);
  if (request.payload.kind === "rootfs-image") for (const { path, sizeBytes } of files) checkImageSize(path, sizeBytes);
  const headerName = memberName("header", request.compression);
  const header = (): AsyncIterable<Uint8Array> =>
    compressHeader(request.compression, tarOf(headerEntries(request, scripts, files, signal)), signal);
  // The manifest precedes the header and holds its checksum, and a signature of unknown length follows it: make the
  // header twice, first only to hash it.
  const headerSha256 = await sha256OfAll(header());
  const manifest = manifestOf(files, headerName, headerSha256);
  const first = await membersBeforeHeader(manifest, request.key, signal);
  let sizeBytes = 0;
  await write(async (output) => {
    await output.write(first);
    const hash = createHash("sha256");
    await appendMember(output, headerName, header(), hash);
    if (hash.digest("hex") !== headerSha256) throw new AgentError("SCRIPT_UNREADABLE", { reason: "a script changed" });
    const data = tarOf(files.map((file) => payloadEntry(file, onBytes, signal)));
    const dataName = memberName("data/0000", request.compression);
    await appendMember(output, dataName, compress(request.compression, data, signal));
    await output.write(TAR_END);
    signal.throwIfAborted();
    sizeBytes = output.sizeBytes;
  });
  return { sizeBytes, files, scripts: scripts.map(({ name }) => name) };
}

async function hashFiles(paths: readonly string[], onBytes: OnBytes, signal: AbortSignal): Promise<SourceFile[]> {
  const files = new Map<string, SourceFile>();
  for (const path of paths) {
    const file = await hashSourceFile(path, onBytes, signal);
    if (files.has(file.name)) throw new AgentError("PAYLOAD_DUPLICATE", { path });
    files.set(file.name, file);
  }
  return [...files.values()];
}

async function membersBeforeHeader(
  manifest: Buffer,
  key: SigningKey | undefined,
  signal: AbortSignal,
): Promise<Buffer> {
  const members = [
    entryOf("version", MEMBER_MODE, VERSION),
    entryOf("manifest", MEMBER_MODE, manifest),
    ...(key === undefined ? [] : [entryOf("manifest.sig", MEMBER_MODE, await signManifest(manifest, key, signal))]),
  ];
  return Buffer.concat(await Promise.all(members.map((member) => collect(tarEntry(member)))));
}

/** Sorted by name, which is also mender-artifact's order. */
function manifestOf(files: readonly SourceFile[], headerName: string, headerSha256: string): Buffer {
  const lines = [
    ...files.map(({ name, sha256 }) => [`data/0000/${name}`, sha256] as const),
    [headerName, headerSha256] as const,
    ["version", sha256Of(VERSION)] as const,
  ].sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(lines.map(([name, sha256]) => `${sha256}  ${name}\n`).join(""));
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(Uint8Array.from(chunk));
  return Buffer.concat(all);
}

async function sha256OfAll(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
