import type { MaybePromise } from "../util/byte-source.ts";

/**
 * The durable acts on files and folders. Every change that the agent makes to a file system goes through here, so that
 * a test can count the acts and cut the power at each one. Reads do not count as acts.
 */
export interface FileActs {
  /**
   * Writes a new file with `mode` and this content in place of any file at `path`, and makes the content durable. Sets
   * `owner` if this process may change owners. Leaves no file if it fails.
   */
  writeSynced(path: string, content: string | Uint8Array, mode: number, owner?: Owner): Promise<void>;
  /** Fills a file that must be new from `read` and makes the content durable. Leaves no file if it fails. */
  storeSynced(path: string, read: (into: Uint8Array) => MaybePromise<number>, mode: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with its content. Does nothing if `path` does not exist. */
  remove(path: string): Promise<void>;
  /** Makes folders like `mkdir -p`. @returns the first folder that was missing; `undefined` if all existed */
  makeFolder(path: string, mode: number): Promise<string | undefined>;
  /** Makes all creations, renames and removals in the folder `path` durable. */
  syncFolder(path: string): Promise<void>;
  /** Twelve hexadecimal digits for the name of a temporary file. If absent, the names are random. */
  unique?(): string;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The object at a path, after links. */
export interface FileFacts {
  readonly isFile: boolean;
  /** At least one execute bit is set. */
  readonly isExecutable: boolean;
}

export interface OpenFile {
  /** Reads synchronously. @returns the number of bytes put into `into`; 0 at the end @throws the system's error */
  readNow(into: Uint8Array, at: number): number;
  close(): Promise<void>;
}

/**
 * Inspects files and folders without changing them. Follows links, except in `readLink`. A failure is the system's own
 * error, with `code` and `syscall`.
 */
export interface FileReads {
  /** @returns `undefined` if nothing is at `path` @throws the system's error, except ENOENT */
  look(path: string): Promise<FileFacts | undefined>;
  /** Synchronous `look`. It needs no thread: the daemon looks at each poll, and most devices lack the files. */
  lookNow(path: string): FileFacts | undefined;
  /** The names in a folder, unordered. @throws the system's error */
  list(folder: string): Promise<readonly string[]>;
  /** The first `count` bytes of a file, or all of a shorter file. @throws the system's error */
  readHead(path: string, count: number): Promise<Uint8Array>;
  /** Opens a file for reading; it stays readable after its name is removed. @throws the system's error */
  open(path: string): Promise<OpenFile>;
  /** The target of a link; `undefined` for anything else. */
  readLink(path: string): Promise<string | undefined>;
  /** Whether this process may execute the file at `path`. */
  mayExecute(path: string): Promise<boolean>;
}

/** An output file that appears complete or not at all. */
export interface OutputFile {
  /** Appends. */
  write(chunk: Uint8Array): Promise<void>;
  /** Overwrites bytes that were written earlier. */
  patch(chunk: Uint8Array, position: number): Promise<void>;
  /** Bytes appended so far. */
  readonly sizeBytes: number;
}

/**
 * Fills one output file. The code that provides this function has chosen the path. If `fill` throws, the function may be
 * called again, for a file that is empty at first.
 */
export type WriteOutput = (fill: (output: OutputFile) => Promise<void>) => Promise<void>;

/**
 * Lets `fill` write a file under a temporary name beside `path`. Links, modes and owners follow the rules of
 * `replaceFile`. When `fill` returns, the file is synced and renamed to `path`. When `fill` throws, the temporary file
 * is removed and `path` stays as it was.
 *
 * @param mode of the file, instead of that of the file that it replaces
 * @throws {AgentError} OUTPUT_FAILED; the errors of `fill`
 */
export type WriteWhole = (path: string, fill: (output: OutputFile) => Promise<void>, mode?: number) => Promise<void>;

/** A temporary file without a name: it goes when this process ends, in any way. */
export interface WorkFile {
  /** Under this path, this process and its children can open the file again. */
  readonly path: string;
  /** Appends. Zeros become holes. @throws {AgentError} OUTPUT_FAILED */
  write(chunk: Uint8Array): Promise<void>;
  /** Must follow the last `write`: the file may end with a hole. */
  end(): Promise<void>;
  readonly sizeBytes: number;
  close(): Promise<void>;
}

/**
 * Lets `edit` change a copy of a file, which then replaces the file in one step. When `edit` throws, the copy is
 * removed. The copy has the mode, the owner and the holes of the file.
 *
 * @throws {AgentError} OUTPUT_FAILED; the errors of `edit`; the signal's reason
 */
export type EditCopy = (path: string, edit: (copy: string) => Promise<void>, signal: AbortSignal) => Promise<void>;
