/** A file, folder or link in the file system of an image. */
export interface ImageEntry {
  readonly name: string;
  readonly kind: "file" | "folder" | "link" | "other";
  /** Permission bits, with setuid, setgid and sticky. FAT has none: files are 0644 there, and folders 0755. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
}

/** Mode and owner of something new; FAT ignores them. */
export interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** One change of a file system. Paths begin with `/`; links on the way to the last name are followed. */
export type ImageChange =
  /** Replaces a file or a link, or makes a new file. `from` is a regular file of this machine. */
  | ({ readonly act: "write"; readonly path: string; readonly from: string } & Attributes)
  /** Makes a folder in a folder that exists, or that an earlier change of the same call makes. */
  | ({ readonly act: "folder"; readonly path: string } & Attributes)
  /** Makes a symbolic link, or replaces a file or link by one. FAT refuses it. */
  | { readonly act: "link"; readonly path: string; readonly target: string }
  /** Removes a file, a link, or an empty folder. */
  | { readonly act: "remove"; readonly path: string };

/**
 * The files in a file system that is not mounted, without root.
 *
 * All functions throw {AgentError} IMAGE_PATH for a path that the tool cannot name, IMAGE_TOOL_MISSING,
 * IMAGE_TOOL_FAILED, and the signal's reason.
 */
export interface ImageFiles {
  readonly kind: "ext" | "fat";
  /** What is at `path`, without following a link there; `undefined` if nothing is. */
  look(path: string, signal: AbortSignal): Promise<ImageEntry | undefined>;
  /** @throws {AgentError} IMAGE_FILE_MISSING, IMAGE_FILE_KIND if `path` leads to no folder */
  list(path: string, signal: AbortSignal): Promise<readonly ImageEntry[]>;
  /** The target of the link at `path`. */
  readLink(path: string, signal: AbortSignal): Promise<string>;
  /** The bytes of a file, which the caller has looked at. A chunk is valid until the next one is requested. */
  read(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Makes the changes in their order. If it throws, the file system may hold a part of them: work on a copy.
   *
   * @throws {AgentError} IMAGE_FILE_MISSING, IMAGE_FILE_KIND, IMAGE_FULL
   */
  change(changes: readonly ImageChange[], signal: AbortSignal): Promise<void>;
  /** Replays the journal and repairs what is safe to repair. @throws {AgentError} IMAGE_DAMAGED */
  repair(signal: AbortSignal): Promise<void>;
  /** Checks the whole file system, and changes nothing. @throws {AgentError} IMAGE_DAMAGED */
  check(signal: AbortSignal): Promise<void>;
}
