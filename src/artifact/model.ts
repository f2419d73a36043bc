/** Provides of an Artifact or a device: `rootfs-image.version` and so on. */
export type Provides = Readonly<Record<string, string>>;
/** What a device must provide: each key with its accepted values. */
export type Depends = Readonly<Record<string, readonly string[]>>;

export type Compression = "none" | "gzip" | "lzma" | "zstd";

/** What an Artifact declares before its payload data. Spec: Artifact format v3, sections 3 to 7. */
export interface ArtifactInfo {
  readonly version: 2 | 3;
  /** Compression of the header; payloads normally have the same. */
  readonly compression: Compression;
  readonly name: string;
  readonly group?: string;
  /** Never empty. */
  readonly deviceTypes: readonly string[];
  /** The `artifact_name` and `artifact_group` that the header-info requires of the device. */
  readonly depends: Depends;
  readonly signature: SignatureStatus;
  /** Names of the state scripts, in the Artifact's order. */
  readonly scripts: readonly string[];
  readonly payloads: readonly PayloadInfo[];
  /** The whole header-info, as its original JSON text. */
  readonly headerInfo: string;
}

/**
 * `valid` is undefined if no key was given for the check. `key` is the label of the key that verified the signature.
 */
export interface SignatureStatus {
  readonly present: boolean;
  readonly valid?: boolean;
  readonly key?: string;
}

export interface PayloadInfo {
  /** `null`: a payload with nothing to install (bootstrap artifact). */
  readonly type: string | null;
  readonly provides: Provides;
  readonly depends: Depends;
  /** Absent and empty mean opposite things: absent clears all provides, empty clears none. */
  readonly clearsProvides?: readonly string[];
  /** The whole type-info, as its original JSON text. */
  readonly typeInfo: string;
  /** Absent if empty. */
  readonly metaData?: MetaData;
  /** The files that the manifest lists for this payload. */
  readonly files: readonly ManifestFile[];
}

/** A payload's meta-data: a JSON object that is checked but not parsed, in memory or on disk. */
export interface MetaData {
  readonly sizeBytes: number;
  /** The original bytes, from the beginning. Each piece is valid until the next one is requested. */
  pieces(): Iterable<Uint8Array>;
}

export interface ManifestFile {
  readonly name: string;
  /** Lower-case hex. */
  readonly sha256: string;
}
