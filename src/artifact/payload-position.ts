/**
 * Where reading a payload can resume after a restart. All values derive from the Artifact itself, so the checksums
 * detect the effects of a wrong position.
 */
export interface PayloadPosition {
  /** Bytes of the Artifact before the data of its first payload: version, manifest, signature and header. */
  readonly headBytes: number;
  /** Offset in the Artifact at which decompression restarts. */
  readonly artifactByte: number;
  /** Offset of that byte in the unpacked data tar. */
  readonly plainByte: number;
  /** Offset of the file's first byte in the unpacked data tar. */
  readonly fileByte: number;
  readonly fileName: string;
  readonly fileBytes: number;
  /** Bytes of the file that are stored; reading resumes after them. */
  readonly storedBytes: number;
}
