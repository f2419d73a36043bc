import { AgentError } from "../errors/agent-error.ts";
import type { Compressor } from "./compression/compressors.ts";
import type { MetaData } from "./model.ts";
import type { SigningKey } from "./signing.ts";

/** The contents of an Artifact to write. */
export interface ArtifactRequest {
  readonly name: string;
  readonly group?: string;
  readonly deviceTypes: readonly string[];
  /** Accepted names of the Artifact that the device runs; empty: any. */
  readonly dependsNames: readonly string[];
  readonly dependsGroups: readonly string[];
  /** Files, or folders of files, whose names are valid state script names. */
  readonly scripts: readonly string[];
  readonly payload: PayloadRequest;
  readonly compression: Compressor;
  readonly key?: SigningKey;
}

export interface PayloadRequest {
  /** `rootfs-image` is the payload that every client installs without a module; `empty` has nothing to install. */
  readonly kind: "rootfs-image" | "module" | "empty";
  /** Name of the update module; ignored for the other kinds. */
  readonly type: string;
  /** In the order in which the module receives them. */
  readonly files: readonly string[];
  /** A JSON object, written unchanged except for its whitespace and escape sequences. */
  readonly metaData?: MetaData;
  readonly provides: Readonly<Record<string, string>>;
  /** Provides key for the SHA-256 of the first file; it overrides the same key in `provides`. */
  readonly checksumKey?: string;
  readonly depends: Readonly<Record<string, string>>;
  /** Empty: the field is omitted, which means "clear all". */
  readonly clearsProvides: readonly string[];
}

const MAX_TEXT_BYTES = 256;
/** Control, format and unassigned characters, and line and paragraph separators. */
const NOT_PRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;
/** The header-info has these keys; the Go client refuses a type-info that repeats them. */
const RESERVED_PROVIDES = ["artifact_name", "artifact_group"];

/** Values of an Artifact's header that a user chooses. */
export type HeaderFields = Partial<Omit<ArtifactRequest, "scripts" | "payload" | "compression" | "key">> &
  Pick<PayloadRequest, "provides" | "depends" | "clearsProvides">;

/** Refuses a request whose Artifact some client would not install. @throws {AgentError} ARTIFACT_FIELD */
export function checkRequest(request: ArtifactRequest): void {
  const { kind, type, provides, depends, clearsProvides } = request.payload;
  checkFields({ ...request, provides, depends, clearsProvides });
  if (kind !== "module") return;
  checkText("payload type", type);
  if (type.includes("/")) throw refused("payload type", type, "it is the name of an update module, not a path");
}

/** As `checkRequest`; fields that are absent are not checked. @throws {AgentError} ARTIFACT_FIELD */
export function checkFields(fields: HeaderFields): void {
  const { name, group, deviceTypes, dependsNames = [], dependsGroups = [], provides, depends, clearsProvides } = fields;
  if (name !== undefined) checkText("artifact name", name);
  if (deviceTypes?.length === 0) throw refused("device type", "", "at least one is needed");
  for (const deviceType of deviceTypes ?? []) checkText("device type", deviceType);
  if (group !== undefined) checkText("provided group", group);
  for (const dependsName of dependsNames) checkText("artifact name depended on", dependsName);
  for (const dependsGroup of dependsGroups) checkText("group depended on", dependsGroup);
  for (const key of Object.keys(provides)) {
    checkText("provides key", key);
    if (RESERVED_PROVIDES.includes(key))
      throw refused("provides key", key, "the header has an option of its own for it");
  }
  for (const key of Object.keys(depends)) checkText("depends key", key);
  for (const glob of clearsProvides) checkText("clears-provides", glob);
}

function checkText(field: string, value: string): void {
  if (value === "") throw refused(field, value, "empty");
  if (Buffer.byteLength(value) > MAX_TEXT_BYTES)
    throw refused(field, value.slice(0, 40), `longer than ${MAX_TEXT_BYTES} bytes`);
  if (NOT_PRINTABLE.test(value)) throw refused(field, value, "not printable");
}

function refused(field: string, value: string, reason: string): AgentError {
  return new AgentError("ARTIFACT_FIELD", { field, value, reason });
}
