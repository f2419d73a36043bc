import { AgentError } from "../errors/agent-error.ts";
import type { ManifestFile } from "./model.ts";
import { checkDataFileName } from "./tar/member-name.ts";

/** The checksums of an Artifact, by the part that they cover. */
export interface Manifest {
  readonly version: string;
  /** Name of the header member with its suffix, and the checksum of its bytes as stored. */
  readonly header: ManifestFile;
  /** Files of each payload, by index. */
  readonly payloads: ReadonlyMap<number, readonly ManifestFile[]>;
}

const LINE = /^([0-9a-f]{64}) {2}(\S+)$/;
const HEADER_NAME = /^header\.tar(?:\.(?:gz|xz|zst))?$/;
const DATA_NAME = /^data\/([0-9]{4})\/(.*)$/;

const malformed = (reason: string, line: number): AgentError => new AgentError("ARTIFACT_MANIFEST", { reason, line });

/** @throws {AgentError} ARTIFACT_MANIFEST, ARTIFACT_MEMBER_NAME, ARTIFACT_MEMBER_DUPLICATE */
export function parseManifest(bytes: Uint8Array): Manifest {
  const checksums = readLines(bytes);
  const payloads = new Map<number, ManifestFile[]>();
  let version: string | undefined;
  let header: ManifestFile | undefined;
  for (const [name, sha256] of checksums) {
    const [, index, file] = DATA_NAME.exec(name) ?? [];
    if (name === "version") version = sha256;
    else if (HEADER_NAME.test(name) && header === undefined) header = { name, sha256 };
    else if (index !== undefined && file !== undefined) {
      checkDataFileName(file);
      const files = payloads.get(Number(index)) ?? [];
      files.push({ name: file, sha256 });
      payloads.set(Number(index), files);
    } else throw new AgentError("ARTIFACT_MANIFEST", { reason: "unknown name", name });
  }
  if (version === undefined || header === undefined) {
    throw new AgentError("ARTIFACT_MANIFEST", { reason: "no line for version or header.tar" });
  }
  return { version, header, payloads };
}

function readLines(bytes: Uint8Array): Map<string, string> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const checksums = new Map<string, string>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const [, sha256, name] = LINE.exec(line) ?? [];
    if (sha256 === undefined || name === undefined) throw malformed("not a checksum and a name", index + 1);
    if (checksums.has(name)) throw new AgentError("ARTIFACT_MEMBER_DUPLICATE", { in: "manifest", name });
    checksums.set(name, sha256);
  }
  return checksums;
}
