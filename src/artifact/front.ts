import { createHash } from "node:crypto";
import { AgentError } from "../errors/agent-error.ts";
import type { ArtifactRequest } from "./artifact-request.ts";
import { compressHeader } from "./compression/compress.ts";
import { memberName } from "./compression/formats.ts";
import { headerEntries } from "./header-writer.ts";
import { MEMBER_MODE } from "./outer-writer.ts";
import type { SourceFile } from "./payload-file.ts";
import type { ScriptFile } from "./script-files.ts";
import { entryOf, tarEntry, tarHeader, tarOf, tarPadding } from "./tar-writer.ts";

const VERSION = Buffer.from('{"format":"mender","version":3}');

/** The members of an Artifact before its data: version, manifest, signature and header. */
export interface Front {
  readonly sizeBytes: number;
  /** Throws SCRIPT_UNREADABLE if a script has changed since the size was measured. */
  chunks(): AsyncIterable<Uint8Array>;
}

/**
 * Memory does not grow with state scripts.
 *
 * @param sign makes the content of the member `manifest.sig`; `undefined` for an Artifact without a signature
 */
export async function layOutFront(
  request: ArtifactRequest,
  scripts: readonly ScriptFile[],
  files: readonly SourceFile[],
  sign: ((manifest: Uint8Array) => Promise<Uint8Array>) | undefined,
  signal: AbortSignal,
): Promise<Front> {
  const name = memberName("header", request.compression);
  const header = (): AsyncIterable<Uint8Array> =>
    compressHeader(request.compression, tarOf(headerEntries(request, scripts, files, signal)), signal);
  // The manifest precedes the header and holds its checksum: make the header twice instead of keeping it.
  const { sha256, sizeBytes } = await measure(header());
  const manifest = manifestOf(files, name, sha256);
  const members = [entryOf("version", MEMBER_MODE, VERSION), entryOf("manifest", MEMBER_MODE, manifest)];
  if (sign !== undefined) members.push(entryOf("manifest.sig", MEMBER_MODE, await sign(manifest)));
  const first = Buffer.concat(await Promise.all(members.map((member) => collect(tarEntry(member)))));
  const member = { name, mode: MEMBER_MODE, sizeBytes };
  return {
    sizeBytes: first.length + tarHeader(member).length + sizeBytes + tarPadding(sizeBytes).length,
    async *chunks() {
      yield first;
      const hash = createHash("sha256");
      yield* tarEntry({ ...member, content: hashing(header(), hash) });
      if (hash.digest("hex") !== sha256) throw new AgentError("SCRIPT_UNREADABLE", { reason: "a script changed" });
    },
  };
}

async function* hashing(
  chunks: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

async function measure(chunks: AsyncIterable<Uint8Array>): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of hashing(chunks, hash)) sizeBytes += chunk.length;
  return { sha256: hash.digest("hex"), sizeBytes };
}

/** Sorted by name, which is also mender-artifact's order. */
function manifestOf(files: readonly SourceFile[], headerName: string, headerSha256: string): Buffer {
  const lines = [
    ...files.map(({ name, sha256 }) => [`data/0000/${name}`, sha256] as const),
    [headerName, headerSha256] as const,
    ["version", createHash("sha256").update(VERSION).digest("hex")] as const,
  ].sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(lines.map(([name, sha256]) => `${sha256}  ${name}\n`).join(""));
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(Uint8Array.from(chunk));
  return Buffer.concat(all);
}
