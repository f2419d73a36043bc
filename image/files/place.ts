/** A file system: a whole file, or the part of a disk image that a partition table names. */
export interface Place {
  readonly path: string;
  /** Where the file system begins. */
  readonly offset: number;
  readonly size: number;
}
