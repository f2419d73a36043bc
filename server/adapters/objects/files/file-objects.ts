import { randomUUID } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { access, type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ServerError } from "../../../errors/server-error.ts";
import type { Objects } from "../../../ports/objects.ts";
import { checkedKey } from "../key.ts";
import { RecyclingReader } from "./recycling-reader.ts";

/** Half-written objects. It is not a valid key, and on the same file system as the objects. */
const INCOMING = ".incoming";
/** Large reads: fewer turns of the event loop for a download. */
const READ_BYTES = 512 * 1024;
/** Seconds after which a client may try again. */
const RETRY_S = 5;

/** Objects as files below `folder`. Several processes may use the same folder. */
export async function createFileObjects(folder: string): Promise<Objects> {
  const incoming = join(folder, INCOMING);
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  await syncFolder(folder);

  const pathOf = (key: string): string => join(folder, checkedKey(key));

  return {
    async put(key, content) {
      const path = pathOf(key);
      const temporary = join(incoming, randomUUID());
      try {
        await writeSynced(temporary, content);
        await makeFolder(dirname(path));
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      await syncFolder(dirname(path));
    },
    async get(key, range) {
      const file = await ifPresent(open(pathOf(key), "r"));
      return file && createReadStream("", { fd: file, highWaterMark: READ_BYTES, ...range });
    },
    async getToSend(key, range) {
      const file = await ifPresent(open(pathOf(key), "r"));
      return file && new RecyclingReader(file, range);
    },
    async size(key) {
      return (await ifPresent(stat(pathOf(key))))?.size;
    },
    async delete(key) {
      const path = pathOf(key);
      await ifPresent(rm(path));
      await ifPresent(syncFolder(dirname(path)));
    },
    async removeLeftovers(idleS) {
      let removed = 0;
      for (const name of await readdir(incoming)) {
        const path = join(incoming, name);
        const found = await ifPresent(stat(path));
        if (found === undefined || Date.now() - found.mtimeMs < idleS * 1000) continue;
        await rm(path, { force: true });
        removed += 1;
      }
      return removed;
    },
    link: async () => undefined,
    async check() {
      await access(incoming, constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
        throw new ServerError("STORAGE_AWAY", { folder, reason: cause.message }, { cause, retryAfterS: RETRY_S });
      });
    },
    close: async () => undefined,
  };
}

async function writeSynced(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of content) await writeAll(file, chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** `write` may write a part only. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
}

/** Makes a folder that survives a power cut: each new one is named in a folder that is synced after it. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

async function syncFolder(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** `undefined` if the file does not exist. */
async function ifPresent<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
