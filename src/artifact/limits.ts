/** Upper bounds of what is kept in memory, whatever an Artifact claims. Spec: Artifact format v3, section 12. */
export interface ArtifactLimits {
  /** Each of version, manifest, manifest.sig, header-info, type-info and meta-data. */
  readonly documentBytes: number;
  /** The header, as stored and (separately) as unpacked. */
  readonly headerBytes: number;
  /** Zeros after the end of any tar: they cost an attacker nothing if they are compressed or never end. */
  readonly paddingBytes: number;
  /** Members of one tar, with directories and extension headers. */
  readonly members: number;
}

export const DEFAULT_LIMITS: ArtifactLimits = {
  documentBytes: 4 * 1024 * 1024,
  headerBytes: 64 * 1024 * 1024,
  paddingBytes: 64 * 1024 * 1024,
  members: 100_000,
};
