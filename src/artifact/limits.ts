/** Upper bounds for the memory, disk space and time that an Artifact may use. Spec: Artifact format v3, section 12. */
export interface ArtifactLimits {
  /** Each of version, manifest, manifest.sig, header-info, type-info and meta-data. */
  readonly documentBytes: number;
  /** All these documents of one header together: each payload has two. */
  readonly documentsBytes: number;
  /** The header, as stored and (separately) as decompressed. */
  readonly headerBytes: number;
  /** Zeros after the end of any tar: they cost an attacker nothing if they are compressed or never end. */
  readonly paddingBytes: number;
  /** Members of one tar, including directories and extension headers. */
  readonly members: number;
}

export const DEFAULT_LIMITS: ArtifactLimits = {
  documentBytes: 4 * 1024 * 1024,
  documentsBytes: 8 * 1024 * 1024,
  headerBytes: 64 * 1024 * 1024,
  paddingBytes: 64 * 1024 * 1024,
  members: 100_000,
};
