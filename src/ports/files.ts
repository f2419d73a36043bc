import type { MaybePromise } from "../util/byte-source.ts";

/**
 * The durable acts on files and folders: whatever the agent leaves on a file system goes through here, so that a test
 * can count the acts and cut the power at each. Reading is no act.
 */
export interface FileActs {
  /**
   * Makes `path` a new file of `mode` with this content, whatever is there, and makes the content durable. The file
   * gets `owner` where this process may give files away. Leaves no file when it fails.
   */
  writeSynced(path: string, content: string | Uint8Array, mode: number, owner?: Owner): Promise<void>;
  /** Fills a file that must be new from `read`, and makes the content durable. Leaves no file when it fails. */
  storeSynced(path: string, read: (into: Uint8Array) => MaybePromise<number>, mode: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with all that is in it, and nothing where nothing is. */
  remove(path: string): Promise<void>;
  /** @returns the first folder that was not there, as `mkdir -p` makes them; `undefined` when all were */
  makeFolder(path: string, mode: number): Promise<string | undefined>;
  /** Makes files that were made, renamed or removed within `path` durable. */
  syncFolder(path: string): Promise<void>;
  /** Twelve hexadecimal digits for the name of a temporary file; random ones where it is absent. */
  unique?(): string;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What a path leads to. */
export interface FileFacts {
  readonly isFile: boolean;
  /** Somebody may execute it. */
  readonly isExecutable: boolean;
}

export interface OpenFile {
  /** Reads at once. @returns how many bytes it put into `into`; 0 at the end @throws what the system says */
  readNow(into: Uint8Array, at: number): number;
  close(): Promise<void>;
}

/**
 * Looks at files and folders, and changes nothing. Follows links, except in `readLink`. A failure is the system's own
 * error, with `code` and `syscall`.
 */
export interface FileReads {
  /** @returns `undefined` where nothing is at `path` @throws what the system says, except ENOENT */
  look(path: string): Promise<FileFacts | undefined>;
  /** The same without a thread: most devices lack what it looks for, and a daemon asks at each poll. */
  lookNow(path: string): FileFacts | undefined;
  /** Names in a folder, in no order. @throws what the system says */
  list(folder: string): Promise<readonly string[]>;
  /** The first `count` bytes of a file, or fewer where it is shorter. @throws what the system says */
  readHead(path: string, count: number): Promise<Uint8Array>;
  /** Opens a file for reading, which stays readable when its name is removed. @throws what the system says */
  open(path: string): Promise<OpenFile>;
  /** Where a link leads; `undefined` for anything else. */
  readLink(path: string): Promise<string | undefined>;
  /** Whether this process may execute the file at `path`. */
  mayExecute(path: string): Promise<boolean>;
}

/** An output file that is there whole or not at all. */
export interface OutputFile {
  /** Appends. */
  write(chunk: Uint8Array): Promise<void>;
  /** Replaces bytes that were written before. */
  patch(chunk: Uint8Array, position: number): Promise<void>;
  /** Bytes appended so far. */
  readonly sizeBytes: number;
}

/** Fills one output file. Its owner has said which one. */
export type WriteOutput = (fill: (output: OutputFile) => Promise<void>) => Promise<void>;

/**
 * Lets `fill` write a file under a temporary name beside `path`, with the rules of `replaceFile` for links, modes and
 * owners. It is fsynced and takes the name `path` when `fill` returns; when it throws, the temporary file is removed and
 * what was at `path` stays as it was.
 *
 * @throws {AgentError} OUTPUT_FAILED; whatever `fill` throws
 */
export type WriteWhole = (path: string, fill: (output: OutputFile) => Promise<void>) => Promise<void>;
