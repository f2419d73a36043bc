import { readSync, type Stats, statSync } from "node:fs";
import { access, constants, type FileHandle, mkdir, open, readdir, readlink, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { FileActs, FileFacts, FileReads, Owner } from "../../src/ports/files.ts";
import { errnoOf } from "../../src/util/errno.ts";

const CHUNK_BYTES = 256 * 1024;

/**
 * Creates and opens a new file. Removes whatever exists at `path`, such as a leftover with another mode or a link to a
 * foreign file, and never writes through it.
 *
 * @param mode applied regardless of the umask; `undefined`: 0666 reduced by the umask
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
    // ignored: FAT has neither modes nor owners, and only root can change an owner.
  }
  return file;
}

/** Runs `fill`, makes the content durable, and always closes the file. Removes the file if it could not be filled. */
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

/**
 * Replaces Node's recursive mkdir, which loops forever where the kernel answers ENOENT for every folder, as in /proc.
 */
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

const ANYBODY_MAY_EXECUTE = 0o111;

const factsOf = (found: Stats): FileFacts => ({
  isFile: found.isFile(),
  isExecutable: (found.mode & ANYBODY_MAY_EXECUTE) !== 0,
});

export const diskReads: FileReads = {
  async look(path) {
    try {
      return factsOf(await stat(path));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
  },
  lookNow(path) {
    const found = statSync(path, { throwIfNoEntry: false });
    return found && factsOf(found);
  },
  list: (folder) => readdir(folder),
  async readHead(path, count) {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  },
  async open(path) {
    const file = await open(path);
    return {
      readNow: (into, at) => readSync(file.fd, into, 0, into.length, at),
      close: () => file.close(),
    };
  },
  async readLink(path) {
    try {
      return await readlink(path);
    } catch {
      // ignored: it is not a link.
      return undefined;
    }
  },
  async mayExecute(path) {
    try {
      await access(path, constants.X_OK);
      return true;
    } catch {
      // ignored: the failure is the answer.
      return false;
    }
  },
};
