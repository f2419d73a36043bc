import { layOutPieces } from "../util/json-text.ts";
import type { ArtifactRequest, PayloadRequest } from "./artifact-request.ts";
import { textPieces } from "./meta-data.ts";
import type { MetaData } from "./model.ts";
import type { SourceFile } from "./payload-file.ts";
import { readScript, type ScriptFile } from "./script-files.ts";
import { entryOf, type TarEntry } from "./tar-writer.ts";

export const DOCUMENT_MODE = 0o600;
export const SCRIPT_MODE = 0o755;
/** UTF-8 bytes of one UTF-16 code unit, at most. */
const MAX_UTF8_BYTES = 3;

/**
 * Entries of header.tar, in the order that readers require. Keys have the same order as in the output of
 * mender-artifact.
 *
 * @see Artifact format v3, section 7
 */
export function headerEntries(
  request: ArtifactRequest,
  scripts: readonly ScriptFile[],
  files: readonly SourceFile[],
  signal: AbortSignal,
): TarEntry[] {
  const { payload } = request;
  return [
    document("header-info", toJson(headerInfo(request))),
    ...scripts.map((script) => ({
      name: `scripts/${script.name}`,
      mode: SCRIPT_MODE,
      sizeBytes: script.sizeBytes,
      content: readScript(script, signal),
    })),
    document("headers/0000/type-info", toJson(typeInfo(payload, files))),
    ...metaData(payload),
  ];
}

function headerInfo(request: ArtifactRequest): object {
  const { name, group, deviceTypes, dependsNames, dependsGroups, payload } = request;
  return {
    payloads: [{ type: headerType(payload) }],
    artifact_provides: { artifact_name: name, ...(group === undefined ? {} : { artifact_group: group }) },
    artifact_depends: {
      ...(dependsNames.length === 0 ? {} : { artifact_name: dependsNames }),
      device_type: deviceTypes,
      ...(dependsGroups.length === 0 ? {} : { artifact_group: dependsGroups }),
    },
  };
}

function headerType({ kind, type }: PayloadRequest): string | null {
  if (kind === "empty") return null;
  return kind === "rootfs-image" ? "rootfs-image" : type;
}

function typeInfo(payload: PayloadRequest, files: readonly SourceFile[]): object {
  const provides = { ...payload.provides };
  const sha256 = files[0]?.sha256;
  if (payload.checksumKey !== undefined && sha256 !== undefined) provides[payload.checksumKey] = sha256;
  return {
    // mender-artifact leaves the type of a rootfs-image empty here, and every client expects that.
    type: payload.kind === "rootfs-image" ? "" : headerType(payload),
    ...(Object.keys(payload.depends).length === 0 ? {} : { artifact_depends: sorted(payload.depends) }),
    ...(Object.keys(provides).length === 0 ? {} : { artifact_provides: sorted(provides) }),
    ...(payload.clearsProvides.length === 0 ? {} : { clears_artifact_provides: payload.clearsProvides }),
  };
}

function metaData({ kind, metaData: content }: PayloadRequest): TarEntry[] {
  const name = "headers/0000/meta-data";
  if (content !== undefined) return [laidOutEntry(name, content)];
  return kind === "rootfs-image" ? [document(name, "")] : [];
}

/**
 * A JSON document without whitespace. Formats the text twice, for its size and for its bytes: the complete result would
 * take many times its size in memory.
 */
export function laidOutEntry(name: string, content: MetaData): TarEntry {
  let sizeBytes = 0;
  for (const bytes of laidOutBytes(content)) sizeBytes += bytes.length;
  return { name, mode: DOCUMENT_MODE, sizeBytes, content: laidOutBytes(content) };
}

/** Each chunk is valid until the next one is requested. */
function* laidOutBytes(content: MetaData): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  let buffer = Buffer.alloc(0);
  for (const piece of layOutPieces(textPieces(content), "")) {
    if (buffer.length < MAX_UTF8_BYTES * piece.length) buffer = Buffer.allocUnsafeSlow(MAX_UTF8_BYTES * piece.length);
    yield buffer.subarray(0, encoder.encodeInto(piece, buffer).written);
  }
}

const document = (name: string, text: string): TarEntry => entryOf(name, DOCUMENT_MODE, Buffer.from(text));
const toJson = (value: unknown): string => JSON.stringify(value);

/** The same value with sorted keys in every object. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const byKey = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(byKey.map(([key, inner]) => [key, sorted(inner)]));
}
