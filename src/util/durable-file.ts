import { constants, type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { FileActs, Owner } from "./file-acts.ts";

export type { FileActs } from "./file-acts.ts";

const CHUNK_BYTES = 256 * 1024;

/**
 * Opens a file that nobody else has open. What is at `path` already, such as a leftover with another mode or a link into
 * somebody else's file, is removed and never written through.
 *
 * @param mode whatever the umask; `undefined`: what the umask leaves of 0666
 */
export async function openAnew(path: string, mode?: number, owner?: Owner): Promise<FileHandle> {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const create = (): Promise<FileHandle> => open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode ?? 0o666);
  let file: FileHandle;
  try {
    file = await create();
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    await rm(path, { recursive: true, force: true });
    file = await create();
  }
  try {
    const made = await file.stat();
    const isOthers = owner !== undefined && (owner.uid !== made.uid || owner.gid !== made.gid);
    if (mode !== undefined && (isOthers || (made.mode & 0o7777) !== mode)) await file.chmod(mode);
    if (isOthers) await file.chown(owner.uid, owner.gid);
  } catch {
    // ignored: FAT has neither modes nor owners, and only root gives files away.
  }
  return file;
}

/** Runs `fill`, makes its content durable, and closes the file in any case. What could not be filled is removed. */
async function filled(path: string, file: FileHandle, fill: () => Promise<void>): Promise<void> {
  try {
    await fill();
    await file.sync();
  } catch (error) {
    // ignored: `error` says what went wrong.
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}

/** Not Node's recursive one, which never ends where the kernel makes no folders and says ENOENT, as below /proc. */
async function makeFolder(path: string, mode: number): Promise<string | undefined> {
  if (await isFolder(path)) return undefined;
  let first: string | undefined;
  try {
    await mkdir(path, mode);
  } catch (error) {
    if (errnoOf(error) === "EEXIST" && (await isFolder(path))) return undefined;
    if (errnoOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    first = await makeFolder(dirname(path), mode);
    await mkdir(path, mode);
  }
  return first ?? path;
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

export const errnoOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined;

export const diskActs: FileActs = {
  async writeSynced(path, content, mode, owner) {
    const file = await openAnew(path, mode, owner);
    await filled(path, file, () => file.writeFile(content));
  },
  async storeSynced(path, read, mode) {
    const file = await open(path, "wx", mode);
    await filled(path, file, async () => {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      for (let count = await read(chunk); count > 0; count = await read(chunk)) {
        for (let done = 0; done < count; ) done += (await file.write(chunk, done, count - done)).bytesWritten;
      }
    });
  },
  rename,
  remove: (path) => rm(path, { recursive: true, force: true }),
  makeFolder,
  async syncFolder(path) {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

/** Makes a folder and those above it where they are missing. Resolves when each of them is durable in its own. */
export async function ensureFolder(path: string, mode: number, acts: FileActs = diskActs): Promise<void> {
  const firstMade = await acts.makeFolder(path, mode);
  if (firstMade === undefined) return;
  const last = dirname(firstMade);
  for (let folder = path; folder !== last; ) {
    folder = dirname(folder);
    await acts.syncFolder(folder);
  }
}
