import type { ArtifactRequest, PayloadRequest } from "../../artifact/artifact-request.ts";
import { COMPRESSORS, type Compressor } from "../../artifact/compression/compressors.ts";
import type { MetaData } from "../../artifact/model.ts";
import type { SigningKey } from "../../artifact/signing.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { type SoftwareOptions, softwareClears, softwareProvides } from "./software-version.ts";
import type { ImageOptions, ModuleOptions, RootfsOptions, WriteOptions } from "./write-options.ts";

/** @throws {AgentError} OPTION_MISSING, OPTION_INVALID */
export function rootfsPayload(options: RootfsOptions): PayloadRequest {
  const [file, ...more] = options.file;
  if (file === undefined) throw new AgentError("OPTION_MISSING", { option: "--file" });
  if (more.length > 0)
    throw new AgentError("OPTION_INVALID", { option: "--file", reason: "a rootfs-image is one file" });
  const checksumKey = options.legacyRootfsImageChecksum ? "rootfs_image_checksum" : "rootfs-image.checksum";
  return {
    ...imagePayload(options, undefined),
    kind: "rootfs-image",
    type: "rootfs-image",
    ...(options.checksumProvide ? { checksumKey } : {}),
  };
}

/** @throws {AgentError} OPTION_MISSING, OPTION_INVALID, META_DATA_INVALID */
export async function modulePayload(options: ModuleOptions, signal: AbortSignal): Promise<PayloadRequest> {
  const { type, metaData } = options;
  if (type === undefined) throw new AgentError("OPTION_MISSING", { option: "--type" });
  const content = metaData === undefined ? {} : { metaData: await readMetaData(metaData, signal) };
  return { ...imagePayload(options, type), kind: "module", type, ...content };
}

/** @throws {AgentError} OPTION_INVALID */
export function emptyPayload(options: WriteOptions): PayloadRequest {
  return {
    kind: "empty",
    type: "",
    files: [],
    provides: keyValues("--provides", options.provides),
    depends: keyValues("--depends", options.depends),
    clearsProvides: options.clearsProvides,
  };
}

/** @throws {AgentError} OPTION_MISSING, OPTION_INVALID */
export function requestOf(
  options: WriteOptions,
  scripts: readonly string[],
  payload: PayloadRequest,
  key: SigningKey | undefined,
): ArtifactRequest {
  checkVersion(options.version);
  const deviceTypes = options.deviceType.length === 0 ? options.compatibleTypes : options.deviceType;
  if (options.deviceType.length > 0 && options.compatibleTypes.length > 0) {
    throw new AgentError("OPTION_INVALID", { option: "--compatible-types", reason: "--device-type is given as well" });
  }
  if (deviceTypes.length === 0) throw new AgentError("OPTION_MISSING", { option: "--device-type" });
  return {
    name: artifactName(options),
    ...(options.providesGroup === undefined ? {} : { group: options.providesGroup }),
    deviceTypes,
    dependsNames: options.artifactNameDepends,
    dependsGroups: options.dependsGroups,
    scripts,
    payload,
    compression: compressorOf(options.compression),
    ...(key === undefined ? {} : { key }),
  };
}

function imagePayload(options: ImageOptions, payloadType: string | undefined): Omit<PayloadRequest, "kind" | "type"> {
  const software: SoftwareOptions = {
    artifactName: artifactName(options),
    filesystem: options.softwareFilesystem,
    name: options.softwareName,
    version: options.softwareVersion,
    payloadType,
    defaultVersion: options.defaultSoftwareVersion,
    defaultClears: options.defaultClearsProvides,
  };
  return {
    files: options.file,
    provides: { ...softwareProvides(software), ...keyValues("--provides", options.provides) },
    depends: keyValues("--depends", options.depends),
    clearsProvides: softwareClears(options.clearsProvides, software),
  };
}

function artifactName({ artifactName: name, name: deprecated }: WriteOptions): string {
  const given = name ?? deprecated;
  if (given === undefined) throw new AgentError("OPTION_MISSING", { option: "--artifact-name" });
  return given;
}

/** Where to write the Artifact. @throws {AgentError} OPTION_INVALID */
export function outputPathOf(path: string): string {
  // The size of the payload data precedes it but is known only afterwards, so a pipe does not work.
  if (path === "-") throw new AgentError("OPTION_INVALID", { option: "--output-path", reason: "a file is needed" });
  return path;
}

function checkVersion(version: string): void {
  if (version === "3") return;
  const reason =
    version === "2" ? "version 2 is only read: no current client installs it" : "only version 3 is written";
  throw new AgentError("OPTION_INVALID", { option: "--version", value: version, reason });
}

/** @throws {AgentError} OPTION_INVALID */
export function compressorOf(id = "gzip"): Compressor {
  const known = COMPRESSORS.find((compressor) => compressor === id);
  if (known !== undefined) return known;
  throw new AgentError("OPTION_INVALID", { option: "--compression", value: id, known: COMPRESSORS.join(" ") });
}

/** Splits KEY:VALUE pairs at the first colon. If a key is repeated, its last value counts, as in mender-artifact. */
export function keyValues(option: string, pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const colon = pair.indexOf(":");
      if (colon < 0) throw new AgentError("OPTION_INVALID", { option, value: pair, reason: "no colon" });
      return [pair.slice(0, colon), pair.slice(colon + 1)];
    }),
  );
}

/** Checks the JSON as the reader of Artifacts does. @throws {AgentError} META_DATA_INVALID */
export async function readMetaData(path: string, signal: AbortSignal): Promise<MetaData> {
  try {
    const { JsonCheck } = await import("../../artifact/json-check.ts");
    const { metaDataOf } = await import("../../artifact/meta-data.ts");
    const { readSmallOrPipe } = await import("../../util/pipe.ts");
    const bytes = await readSmallOrPipe(path, signal);
    const check = new JsonCheck(path);
    check.push(bytes);
    if (!check.end())
      throw new AgentError("ARTIFACT_HEADER", { member: path, reason: "the document: must be an object" });
    return metaDataOf(bytes);
  } catch (cause) {
    signal.throwIfAborted();
    throw new AgentError("META_DATA_INVALID", { path }, cause);
  }
}
