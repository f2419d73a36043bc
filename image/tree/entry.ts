export type EntryKind = "file" | "folder" | "symlink" | "hardlink" | "character" | "block" | "fifo";

/** A file, folder or other object of a filesystem. */
export interface TreeEntry {
  /** Without a leading slash; empty for the root folder. One character for each byte. */
  readonly path: string;
  readonly kind: EntryKind;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Of a file. */
  readonly sizeBytes: number;
  /** Target of a symlink, or path of the file that a hard link names. One character for each byte. */
  readonly target: string;
  readonly major: number;
  readonly minor: number;
  /** Extended attributes with their full names. */
  readonly attributes: ReadonlyMap<string, Buffer>;
  /** Content of a file. It must be read before the next entry. */
  content(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

const NOTHING: ReadonlyMap<string, Buffer> = new Map();

/** An entry that belongs to root, without extended attributes. */
export function ownEntry(
  path: string,
  kind: "file" | "folder" | "symlink",
  mtime: number,
  more: OwnContent,
): TreeEntry {
  const { bytes = Buffer.alloc(0), mode = MODES[kind], target = "" } = more;
  return {
    path: path.replace(/^\/+|\/+$/g, ""),
    kind,
    mode,
    uid: 0,
    gid: 0,
    mtime,
    sizeBytes: bytes.length,
    target,
    major: 0,
    minor: 0,
    attributes: NOTHING,
    content: () => [bytes],
  };
}

const MODES = { file: 0o644, folder: 0o755, symlink: 0o777 } as const;

interface OwnContent {
  readonly bytes?: Uint8Array;
  readonly mode?: number;
  readonly target?: string;
}
