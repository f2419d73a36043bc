/**
 * Where reading a payload can go on after a restart. Everything is derived from the Artifact itself: what a wrong one
 * leads to is found by the checksums.
 */
export interface PayloadPosition {
  /** Bytes of the Artifact before the data of its first payload: version, manifest, signature and header. */
  readonly headBytes: number;
  /** Byte of the Artifact at which decompression starts afresh. */
  readonly artifactByte: number;
  /** Place of that byte in the unpacked data tar. */
  readonly plainByte: number;
  /** Place of the file's first byte in it. */
  readonly fileByte: number;
  readonly fileName: string;
  readonly fileBytes: number;
  /** Bytes of the file that are stored: what is wanted follows them. */
  readonly storedBytes: number;
}
