import type { MetaData, PayloadInfo } from "../../../src/artifact/model.ts";
import { type ArtifactReader, openArtifact } from "../../../src/artifact/reader.ts";
import { AgentError, describeError } from "../../../src/errors/agent-error.ts";
import type { ByteSource } from "../../../src/util/byte-source.ts";
import type { ArtifactFacts, ArtifactHead, ArtifactSignature } from "../../domain/releases/artifact-facts.ts";
import { ServerError } from "../../errors/server-error.ts";

/** Data that unpack to more than this are an attack on the processor. */
const UNPACKED_MAX_BYTES = 256 * 1024 ** 3;

/**
 * Reads a whole Artifact and verifies all its checksums, in one pass and with bounded memory.
 *
 * @param onHead hears what the header says before the data are read; if it throws, reading ends
 * @throws {ServerError} ARTIFACT_INVALID with the code of the Artifact's error, or NOT_POSSIBLE if this machine lacks a
 * program to unpack it; and what `source` and `onHead` throw
 */
export async function readFacts(
  source: ByteSource,
  onHead: (head: ArtifactHead) => Promise<void> = async () => {},
): Promise<ArtifactFacts> {
  let reader: ArtifactReader | undefined;
  try {
    let signature: ArtifactSignature | undefined;
    reader = await openArtifact(source, {
      allowVersion2: true,
      takeSignature: (manifest, bytes) => {
        signature = { manifest, signature: bytes };
      },
    });
    const head = headOf(reader);
    await onHead(head);
    const updates: ArtifactFacts["updates"][number][] = [];
    let unpacked = 0;
    for (let payload = await reader.nextPayload(); payload !== undefined; payload = await reader.nextPayload()) {
      const files: ArtifactFacts["updates"][number]["files"][number][] = [];
      for (let file = await payload.next(); file !== undefined; file = await payload.next()) {
        unpacked += file.sizeBytes;
        if (unpacked > UNPACKED_MAX_BYTES) throw new AgentError("ARTIFACT_LIMIT", { bytes: unpacked });
        files.push(shownFile(file));
      }
      const info = reader.info.payloads[payload.index];
      updates.push({ type: info?.type ?? null, files, metadata: metadataOf(info?.metaData) });
    }
    await reader.finish();
    refuseUnstorable({ ...head, updates });
    return { ...head, updates, signature };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const code = error.code.startsWith("ARTIFACT_") ? "ARTIFACT_INVALID" : "NOT_POSSIBLE";
    throw new ServerError(code, { reason: describeError(error) }, { cause: error });
  } finally {
    await reader?.close();
  }
}

function headOf({ info }: ArtifactReader): ArtifactHead {
  const { name, group, payloads, deviceTypes, signature, version, scripts } = info;
  const head = {
    name,
    formatVersion: version,
    signed: signature.present,
    deviceTypes: [...new Set(deviceTypes)],
    depends: mergedDepends([info.depends, ...payloads.map(({ depends }) => depends)]),
    provides: Object.assign(
      { artifact_name: name, ...(group !== undefined && { artifact_group: group }) },
      ...payloads.map(({ provides }: PayloadInfo) => provides),
    ) as Record<string, string>,
    clearsProvides: [...new Set(payloads.flatMap(({ clearsProvides = [] }) => clearsProvides))],
    scripts: [...scripts],
  };
  refuseUnstorable(head);
  if (Buffer.byteLength(name) > 256) throw new AgentError("ARTIFACT_HEADER", { reason: "the name is too long" });
  return head;
}

/** A device must meet the depends of all payloads. */
function mergedDepends(all: readonly PayloadInfo["depends"][]): Record<string, readonly string[]> {
  const merged = new Map<string, readonly string[]>();
  for (const [key, values] of all.flatMap((depends) => Object.entries(depends))) {
    const before = merged.get(key);
    merged.set(key, before === undefined ? values : values.filter((value) => before.includes(value)));
  }
  return Object.fromEntries(merged);
}

interface ReadFile {
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly modified?: number | undefined;
}

/** Artifacts without dates have the epoch. */
const shownFile = ({ name, sha256, sizeBytes, modified = 0 }: ReadFile) => ({
  name,
  checksum: sha256,
  size: sizeBytes,
  date: new Date(Math.min(modified, 8.64e12) * 1000).toISOString(),
});

function metadataOf(metaData: MetaData | undefined): Record<string, unknown> {
  if (metaData === undefined) return {};
  const text = Buffer.concat([...metaData.pieces()].map((piece) => Buffer.from(piece))).toString("utf8");
  return JSON.parse(text) as Record<string, unknown>;
}

/** PostgreSQL stores neither NUL nor half a surrogate pair. */
function refuseUnstorable(value: unknown): void {
  if (typeof value === "string" && /\0|\p{Cs}/u.test(value))
    throw new AgentError("ARTIFACT_HEADER", { reason: "a text has NUL or half a character" });
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    refuseUnstorable(key);
    refuseUnstorable(inner);
  }
}
