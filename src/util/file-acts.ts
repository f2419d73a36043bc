import type { MaybePromise } from "./byte-source.ts";

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
