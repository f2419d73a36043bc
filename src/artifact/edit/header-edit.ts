import { AgentError } from "../../errors/agent-error.ts";
import { checkFields } from "../artifact-request.ts";
import type { ArtifactInfo, MetaData, PayloadInfo } from "../model.ts";
import type { ScriptFile } from "../script-files.ts";

/** Changes to the header of an Artifact. What is absent stays as it is. */
export interface HeaderEdit {
  readonly name?: string;
  /** Empty: the Artifact provides no group any more. */
  readonly group?: string;
  readonly deviceTypes?: readonly string[];
  readonly dependsNames?: readonly string[];
  readonly dependsGroups?: readonly string[];
  /** Replaces all provides of the payload. */
  readonly provides?: Readonly<Record<string, string>>;
  /** Replaces all depends of the payload. */
  readonly depends?: Readonly<Record<string, string>>;
  /** Added behind the globs that the Artifact has. */
  readonly addClears?: readonly string[];
  readonly deleteClears?: readonly string[];
  /** A JSON object. Replaces the meta-data of the payload. */
  readonly metaData?: MetaData;
  readonly addScripts?: readonly ScriptFile[];
}

/** SHA-256 of a root file system image, for the provides that repeat it. */
export type ImageChecksum = string | undefined;

const CHECKSUM_KEYS = ["rootfs-image.checksum", "rootfs_image_checksum"];

/**
 * Refuses an edit that does not fit the Artifact, or whose result some client would not install.
 *
 * @throws {AgentError} ARTIFACT_FIELD, OPTION_INVALID, SCRIPT_DUPLICATE
 */
export function checkEdit(info: ArtifactInfo, edit: HeaderEdit): void {
  const { group, ...fields } = edit;
  checkFields({
    ...fields,
    ...(group === undefined || group === "" ? {} : { group }),
    clearsProvides: edit.addClears ?? [],
    provides: edit.provides ?? {},
    depends: edit.depends ?? {},
  });
  for (const { name, path } of edit.addScripts ?? [])
    if (info.scripts.includes(name)) throw new AgentError("SCRIPT_DUPLICATE", { path });
  const [option] = payloadOptions(edit);
  if (option === undefined) return;
  if (info.payloads.length > 1)
    throw new AgentError("OPTION_INVALID", { option, reason: "the Artifact has several payloads" });
  if (edit.metaData !== undefined && info.payloads[0]?.type === null)
    throw new AgentError("OPTION_INVALID", { option: "--meta-data", reason: "the Artifact has no payload" });
}

function payloadOptions({ provides, depends, addClears, deleteClears, metaData }: HeaderEdit): string[] {
  const given = {
    "--provides": provides,
    "--depends": depends,
    "--clears-provides": addClears,
    "--delete-clears-provides": deleteClears,
    "--meta-data": metaData,
  };
  return Object.entries(given).flatMap(([option, value]) => (value === undefined ? [] : [option]));
}

type Document = Record<string, unknown>;

/** The new text of header-info. Fields that nobody changes keep their value and place. */
export function editHeaderInfo(text: string, edit: HeaderEdit): string {
  const { artifact_provides, artifact_depends, ...rest }: Document = JSON.parse(text);
  const provides = { ...(artifact_provides as Document) };
  const depends = { ...(artifact_depends as Document) };
  if (edit.name !== undefined) provides["artifact_name"] = edit.name;
  if (edit.group !== undefined) provides["artifact_group"] = edit.group;
  if (edit.group === "") delete provides["artifact_group"];
  if (edit.dependsNames !== undefined) depends["artifact_name"] = edit.dependsNames;
  if (edit.deviceTypes !== undefined) depends["device_type"] = edit.deviceTypes;
  if (edit.dependsGroups !== undefined) depends["artifact_group"] = edit.dependsGroups;
  return JSON.stringify({
    ...rest,
    artifact_provides: provides,
    artifact_depends: inOrder(depends, ["artifact_name", "device_type", "artifact_group"]),
  });
}

/** The new text of a payload's type-info. */
export function editTypeInfo(text: string, payload: PayloadInfo, edit: HeaderEdit, checksum: ImageChecksum): string {
  const before: Document = JSON.parse(text);
  const provides = newProvides(payload, edit.provides ?? payload.provides, checksum);
  const clears = newClears(payload.clearsProvides, edit);
  const changed = {
    ...before,
    ...(edit.depends === undefined ? {} : { artifact_depends: sorted(edit.depends) }),
    ...(provides === payload.provides ? {} : { artifact_provides: sorted(provides) }),
    ...(clears === payload.clearsProvides ? {} : { clears_artifact_provides: clears }),
  };
  return JSON.stringify(
    inOrder(changed, ["type", "artifact_depends", "artifact_provides", "clears_artifact_provides"]),
  );
}

/** A provided checksum is that of the image, whatever the user gives: a delta update relies on it. */
function newProvides(
  { type }: PayloadInfo,
  provides: Readonly<Record<string, string>>,
  checksum: ImageChecksum,
): Readonly<Record<string, string>> {
  if (type !== "rootfs-image" || checksum === undefined) return provides;
  const stale = CHECKSUM_KEYS.filter((key) => Object.hasOwn(provides, key) && provides[key] !== checksum);
  return stale.length === 0
    ? provides
    : { ...provides, ...Object.fromEntries(stale.map((key) => [key, checksum] as const)) };
}

function newClears(before: readonly string[] | undefined, edit: HeaderEdit): readonly string[] | undefined {
  const { addClears = [], deleteClears = [] } = edit;
  const kept = (before ?? []).concat(addClears).filter((glob) => !deleteClears.includes(glob));
  return addClears.length + deleteClears.length === 0 ? before : kept;
}

/** The known keys first, in the order of every writer. */
function inOrder(document: Document, known: readonly string[]): Document {
  const keys = [
    ...known.filter((key) => Object.hasOwn(document, key)),
    ...Object.keys(document).filter((key) => !known.includes(key)),
  ];
  return Object.fromEntries(keys.map((key) => [key, document[key]]));
}

const sorted = (record: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
