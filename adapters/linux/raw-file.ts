import { constants } from "node:fs";
import { type FileHandle, open, readFile, realpath, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import { type BlockFile, sizeOf } from "./block-file.ts";
import { readAt, writeAt } from "./exact-io.ts";

/**
 * A file or block device in which a boot loader keeps its variables, as bytes at offsets. It is written in place,
 * because a boot loader knows the blocks. Every durable operation on a boot environment goes through `write` and
 * `sync`, so that a test can count the operations, tear them and cut the power between any two.
 */
export type RawFile = Pick<BlockFile, "sizeBytes" | "read" | "write" | "sync" | "close">;

/** Never blocks on the other end of a FIFO. */
const NO_WAIT = constants.O_NOCTTY | constants.O_NONBLOCK;
const FLAGS = { read: constants.O_RDONLY | NO_WAIT, write: constants.O_RDWR | NO_WAIT } as const;

export type OpenRawFile = (path: string, access: "read" | "write") => Promise<RawFile>;

/**
 * Opens without exclusive access, because other partitions of the disk with the environment are mounted. The kernel
 * write-protects a boot partition of an eMMC; this lifts the protection until the file is closed.
 *
 * @throws the error of open(2); {AgentError} SLOT_IO if `path` is neither a file nor a block device
 */
export const openRawFile: OpenRawFile = async (path, access) => {
  const protect = access === "write" ? await liftWriteProtection(path) : undefined;
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, FLAGS[access]);
    return overHandle(handle, await sizeOf(path, await handle.stat()), protect);
  } catch (error) {
    await handle?.close();
    await protect?.();
    throw error;
  }
};

function overHandle(handle: FileHandle, sizeBytes: number, protect: (() => Promise<void>) | undefined): RawFile {
  return {
    sizeBytes,
    read: async (into, offset) => (await handle.read(into, 0, into.length, offset)).bytesRead,
    write: async (from, offset) => (await handle.write(from, 0, from.length, offset)).bytesWritten,
    sync: () => handle.sync(),
    async close() {
      await handle.close();
      await protect?.();
    },
  };
}

/**
 * Lifts the write protection of a boot partition such as `mmcblk0boot1`, which is read-only until `force_ro` is 0.
 * Boards have links to it, such as `/dev/emmc-boot1`.
 *
 * @param sysfs the folder in which the kernel shows its block devices
 * @returns a function that restores the protection; `undefined` if there was none
 */
export async function liftWriteProtection(
  path: string,
  sysfs = "/sys/class/block",
): Promise<(() => Promise<void>) | undefined> {
  // A missing file has no protection to lift; opening it later reports that it is missing.
  const name = basename(await realpath(path).catch(() => path));
  if (!/^mmcblk[0-9]+boot[0-9]+$/.test(name)) return undefined;
  const file = `${sysfs}/${name}/force_ro`;
  if ((await readFile(file, "utf8").catch(() => "0")).trim() === "0") return undefined;
  await writeFile(file, "0");
  return () => writeFile(file, "1");
}

/** Reads exactly `length` bytes. @throws {AgentError} BOOTENV_READ, including for storage that is too short */
export async function readRaw(openRaw: OpenRawFile, path: string, offset: number, length: number): Promise<Buffer> {
  return named("BOOTENV_READ", path, async () => {
    const file = await openRaw(path, "read");
    try {
      const start = offset < 0 ? offset + file.sizeBytes : offset;
      const bytes = Buffer.alloc(length);
      const found = start < 0 ? 0 : await readAt({ ...file, direct: false }, bytes, start);
      if (found < length) {
        throw new AgentError("BOOTENV_READ", { path, offset: start, wantedBytes: length, sizeBytes: file.sizeBytes });
      }
      return bytes;
    } finally {
      await file.close();
    }
  });
}

/** Far larger than any environment. */
const MAX_WHOLE_BYTES = 16 * 1024 * 1024;

/** Reads all of a small file. @throws {AgentError} BOOTENV_READ */
export async function readWhole(openRaw: OpenRawFile, path: string): Promise<Buffer> {
  return named("BOOTENV_READ", path, async () => {
    const file = await openRaw(path, "read");
    try {
      const { sizeBytes } = file;
      if (sizeBytes > MAX_WHOLE_BYTES)
        throw new AgentError("BOOTENV_READ", { path, sizeBytes, limit: MAX_WHOLE_BYTES });
      const bytes = Buffer.alloc(sizeBytes);
      return bytes.subarray(0, await readAt({ ...file, direct: false }, bytes, 0));
    } finally {
      await file.close();
    }
  });
}

/** Writes in place and resolves when the bytes are durable. @throws {AgentError} BOOTENV_WRITE */
export async function writeRaw(openRaw: OpenRawFile, path: string, offset: number, bytes: Uint8Array): Promise<void> {
  await named("BOOTENV_WRITE", path, async () => {
    const file = await openRaw(path, "write");
    try {
      const start = offset < 0 ? offset + file.sizeBytes : offset;
      await writeAt({ ...file, direct: false }, bytes, start);
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

/** Opens each file as a write would. @throws {AgentError} BOOTENV_WRITE */
export async function expectRawWritable(openRaw: OpenRawFile, paths: readonly string[]): Promise<void> {
  for (const path of paths) await named("BOOTENV_WRITE", path, async () => (await openRaw(path, "write")).close());
}

async function named<T>(code: "BOOTENV_READ" | "BOOTENV_WRITE", path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof AgentError && cause.code === code) throw cause;
    throw new AgentError(code, { path }, cause);
  }
}
