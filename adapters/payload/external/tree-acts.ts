import { mkdir, open, rename, rm } from "node:fs/promises";
import type { MaybePromise } from "../../../src/util/byte-source.ts";
import { diskActs, type FileActs } from "../../../src/util/durable-file.ts";

/** The acts on disk behind a file tree; a test counts them and cuts the power at each. */
export interface TreeActs extends FileActs {
  /** @returns the first folder that was not there, as `mkdir -p` makes them; `undefined` when all were */
  makeFolder(path: string): Promise<string | undefined>;
  remove(path: string): Promise<void>;
  /** Fills a new file, which is durable when this resolves. */
  storeSynced(path: string, read: (into: Uint8Array) => MaybePromise<number>): Promise<void>;
}

const CHUNK_BYTES = 256 * 1024;
const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

export const treeDiskActs: TreeActs = {
  ...diskActs,
  rename,
  makeFolder: (path) => mkdir(path, { recursive: true, mode: PRIVATE_FOLDER }),
  remove: (path) => rm(path, { recursive: true, force: true }),
  async storeSynced(path, read) {
    const file = await open(path, "wx", PRIVATE_FILE);
    try {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      for (let count = await read(chunk); count > 0; count = await read(chunk)) {
        for (let done = 0; done < count; ) done += (await file.write(chunk, done, count - done)).bytesWritten;
      }
      await file.sync();
    } finally {
      await file.close();
    }
  },
};
