import { AgentError } from "../errors/agent-error.ts";
import type { HeaderMember } from "./header-archive.ts";
import { checkDocument, HEADER_INFO_V2, HEADER_INFO_V3, META_DATA, readJson, TYPE_INFO } from "./header-documents.ts";
import type { Manifest } from "./manifest.ts";
import type { ArtifactInfo, ArtifactScript, Depends, PayloadInfo } from "./model.ts";
import { checkProvidesLimits } from "./provides-limits.ts";
import { isArtifactScriptName } from "./script-name.ts";

/** What the header says; the rest of `ArtifactInfo` is known from the members before it. */
export type HeaderContent = Pick<
  ArtifactInfo,
  "name" | "group" | "deviceTypes" | "depends" | "scripts" | "payloads" | "headerInfo"
>;

type HeaderInfo = Omit<HeaderContent, "scripts" | "payloads" | "headerInfo"> & {
  readonly types: readonly (string | null)[];
};

/**
 * Reads the members of a header in the one order that is allowed: header-info, scripts, and for each
 * payload type-info and meta-data.
 *
 * @throws {AgentError} ARTIFACT_HEADER, ARTIFACT_LIMIT, ARTIFACT_MEMBER_MISSING, ARTIFACT_MEMBER_UNEXPECTED
 * @see Artifact format v3, section 7
 */
export function readHeader(members: readonly HeaderMember[], version: 2 | 3, manifest: Manifest): HeaderContent {
  const queue = new MemberQueue(members);
  const { text: headerInfo, value } = readJson(queue.expect("header-info"), "header-info");
  const { types, ...info } = (version === 3 ? readInfoV3 : readInfoV2)(value);
  const scripts: ArtifactScript[] = [];
  for (let member = queue.takeScript(); member !== undefined; member = queue.takeScript()) scripts.push(member);
  const payloads = types.map((type, index) => readPayload(queue, type, index, version, manifest));
  queue.expectEnd();
  checkProvidesLimits(payloads, info.group);
  for (const index of manifest.payloads.keys()) {
    if (index >= payloads.length) throw new AgentError("ARTIFACT_MANIFEST", { reason: "no such payload", index });
  }
  return { ...info, headerInfo, scripts, payloads };
}

class MemberQueue {
  readonly #members: readonly HeaderMember[];
  #at = 0;

  constructor(members: readonly HeaderMember[]) {
    this.#members = members;
  }

  take(name: string): Uint8Array | undefined {
    const member = this.#members[this.#at];
    if (member?.name !== name) return undefined;
    this.#at += 1;
    return member.content;
  }

  expect(name: string): Uint8Array {
    const content = this.take(name);
    if (content !== undefined) return content;
    const found = this.#members[this.#at];
    if (found === undefined) throw new AgentError("ARTIFACT_MEMBER_MISSING", { in: "header", name });
    throw new AgentError("ARTIFACT_MEMBER_UNEXPECTED", { in: "header", name: found.name, expected: name });
  }

  takeScript(): ArtifactScript | undefined {
    const member = this.#members[this.#at];
    if (member === undefined || !member.name.startsWith("scripts/")) return undefined;
    const name = member.name.slice("scripts/".length);
    if (!isArtifactScriptName(name)) {
      throw new AgentError("ARTIFACT_MEMBER_UNEXPECTED", {
        in: "header",
        name: member.name,
        expected: "a state script",
      });
    }
    this.#at += 1;
    return { name, content: member.content };
  }

  expectEnd(): void {
    const member = this.#members[this.#at];
    if (member !== undefined) throw new AgentError("ARTIFACT_MEMBER_UNEXPECTED", { in: "header", name: member.name });
  }
}

function readInfoV3(document: unknown): HeaderInfo {
  const { payloads, artifact_provides, artifact_depends } = checkDocument(HEADER_INFO_V3, document, "header-info");
  const { device_type, artifact_name, artifact_group } = artifact_depends;
  const depends: Depends = {
    ...(artifact_name === undefined ? {} : { artifact_name }),
    ...(artifact_group === undefined ? {} : { artifact_group }),
  };
  // mender-artifact leaves an empty group out; whoever writes one means none.
  const group = artifact_provides.artifact_group;
  return {
    name: artifact_provides.artifact_name,
    ...(group === undefined || group === "" ? {} : { group }),
    deviceTypes: device_type,
    depends,
    types: payloads.map((payload) => payload.type),
  };
}

function readInfoV2(document: unknown): HeaderInfo {
  const info = checkDocument(HEADER_INFO_V2, document, "header-info");
  return {
    name: info.artifact_name,
    deviceTypes: info.device_types_compatible,
    depends: {},
    types: info.updates.map((update) => update.type),
  };
}

function readPayload(
  queue: MemberQueue,
  type: string | null,
  index: number,
  version: 2 | 3,
  manifest: Manifest,
): PayloadInfo {
  const folder = `headers/${String(index).padStart(4, "0")}`;
  // Version 2 repeats the names of the payload's files here; the manifest has them all the same.
  if (version === 2) queue.take(`${folder}/files`);
  const { text: typeInfo, value } = readJson(queue.expect(`${folder}/type-info`), `${folder}/type-info`);
  const info = checkDocument(TYPE_INFO, value, `${folder}/type-info`);
  // mender-artifact writes an empty type for rootfs-image; the header-info decides there.
  if (info.type !== type && type !== "rootfs-image") {
    throw new AgentError("ARTIFACT_HEADER", { member: `${folder}/type-info`, reason: "type differs from header-info" });
  }
  const metaData = readMetaData(queue.take(`${folder}/meta-data`), `${folder}/meta-data`);
  const files = manifest.payloads.get(index) ?? [];
  if (type === null && (metaData !== undefined || files.length > 0)) {
    throw new AgentError("ARTIFACT_HEADER", { member: folder, reason: "an empty payload has files or meta-data" });
  }
  return {
    type,
    provides: info.artifact_provides ?? {},
    depends: info.artifact_depends ?? {},
    ...(info.clears_artifact_provides === undefined ? {} : { clearsProvides: info.clears_artifact_provides }),
    typeInfo,
    ...(metaData === undefined ? {} : { metaData }),
    files,
  };
}

function readMetaData(bytes: Uint8Array | undefined, member: string): PayloadInfo["metaData"] {
  if (bytes === undefined || bytes.length === 0) return undefined;
  const { text, value } = readJson(bytes, member);
  checkDocument(META_DATA, value, member);
  return text;
}
