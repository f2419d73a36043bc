import { AgentError } from "../errors/agent-error.ts";
import type { HeaderMembers } from "./header-archive.ts";
import { checkDocument, HEADER_INFO_V2, HEADER_INFO_V3, readJson, TYPE_INFO } from "./header-documents.ts";
import type { Manifest } from "./manifest.ts";
import type { ArtifactInfo, Depends, PayloadInfo } from "./model.ts";
import { checkProvidesLimits } from "./provides-limits.ts";

/** The header's content; the rest of `ArtifactInfo` comes from the members before it. */
export type HeaderContent = Pick<
  ArtifactInfo,
  "name" | "group" | "deviceTypes" | "depends" | "scripts" | "payloads" | "headerInfo"
>;

type HeaderInfo = Omit<HeaderContent, "scripts" | "payloads" | "headerInfo"> & {
  readonly types: readonly (string | null)[];
};

/**
 * Reads the members of a header in the only valid order: header-info, scripts, then type-info and meta-data for each
 * payload.
 *
 * @throws {AgentError} ARTIFACT_HEADER, ARTIFACT_LIMIT, ARTIFACT_MEMBER_MISSING, ARTIFACT_MEMBER_UNEXPECTED
 * @see Artifact format v3, section 7
 */
export async function readHeader(members: HeaderMembers, version: 2 | 3, manifest: Manifest): Promise<HeaderContent> {
  const { text: headerInfo, value } = readJson(await members.expect("header-info"), "header-info");
  const { types, ...info } = (version === 3 ? readInfoV3 : readInfoV2)(value);
  const scripts: string[] = [];
  for (let name = await members.takeScript(); name !== undefined; name = await members.takeScript()) scripts.push(name);
  const payloads: PayloadInfo[] = [];
  for (const [index, type] of types.entries()) {
    payloads.push(await readPayload(members, type, index, version, manifest));
  }
  await members.expectEnd();
  checkProvidesLimits(payloads, info.group);
  for (const index of manifest.payloads.keys()) {
    if (index >= payloads.length) throw new AgentError("ARTIFACT_MANIFEST", { reason: "no such payload", index });
  }
  return { ...info, headerInfo, scripts, payloads };
}

function readInfoV3(document: unknown): HeaderInfo {
  const { payloads, artifact_provides, artifact_depends } = checkDocument(HEADER_INFO_V3, document, "header-info");
  const { device_type, artifact_name, artifact_group } = artifact_depends;
  const depends: Depends = {
    ...(artifact_name === undefined ? {} : { artifact_name }),
    ...(artifact_group === undefined ? {} : { artifact_group }),
  };
  // mender-artifact omits an empty group, so an empty group from another writer means none.
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

async function readPayload(
  members: HeaderMembers,
  type: string | null,
  index: number,
  version: 2 | 3,
  manifest: Manifest,
): Promise<PayloadInfo> {
  const folder = `headers/${String(index).padStart(4, "0")}`;
  // Version 2 repeats the names of the payload's files here; they are also in the manifest.
  if (version === 2) await members.take(`${folder}/files`);
  const { text: typeInfo, value } = readJson(await members.expect(`${folder}/type-info`), `${folder}/type-info`);
  const info = checkDocument(TYPE_INFO, value, `${folder}/type-info`);
  // mender-artifact writes an empty type for rootfs-image; for that type, header-info decides.
  if (info.type !== type && type !== "rootfs-image") {
    throw new AgentError("ARTIFACT_HEADER", { member: `${folder}/type-info`, reason: "type differs from header-info" });
  }
  const metaData = await members.takeMetaData(`${folder}/meta-data`);
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
