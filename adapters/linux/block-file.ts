import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { AgentError } from "../../src/errors/agent-error.ts";
import { errnoOf } from "../../src/util/errno.ts";
import { ALIGNMENT, allocateBuffers } from "./aligned-buffers.ts";

/**
 * A slot's storage as bytes at offsets. Every durable operation on a slot goes through this interface, so that a test
 * can count the operations, tear them and cut the power between any two.
 */
export interface BlockFile {
  readonly sizeBytes: number;
  /**
   * Whether offsets, lengths and memory must be multiples of `ALIGNMENT`. Writes then bypass the page cache and need no
   * write-back. The unaligned end of an image is exempt (see `openBlockFile`).
   */
  readonly direct: boolean;
  /** Like pread(2): may read fewer bytes than requested; 0 only at the end. */
  read(into: Uint8Array, offset: number): Promise<number>;
  /** Like pwrite(2): may write fewer bytes than given. */
  write(from: Uint8Array, offset: number): Promise<number>;
  /** Resolves when everything written before is safe against power loss. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The part of a storage that reading back needs. */
export type ReadableStorage = Pick<BlockFile, "sizeBytes" | "direct" | "read" | "close">;

/** `read` coexists with every other user of the storage; `write` demands exclusive access. */
export type BlockAccess = "read" | "write";

/**
 * Opens a block device or an image file. An image file has a fixed size and never grows. For writing, this opens a
 * block device exclusively: the kernel refuses that while the device is mounted in any mount namespace.
 *
 * @param direct tries O_DIRECT, and opens storage without it if that is not supported. An access whose offset or length
 * is not aligned goes through a second, buffered descriptor.
 * @throws {AgentError} SLOT_IO if `path` is neither kind; otherwise the error of open(2), EBUSY if the device is
 * mounted
 */
export async function openBlockFile(path: string, direct: boolean, access: BlockAccess): Promise<BlockFile> {
  const mode = access === "read" ? constants.O_RDONLY : constants.O_RDWR;
  const buffered = await open(path, mode | constants.O_NOCTTY | constants.O_NONBLOCK);
  let exclusive: FileHandle | undefined;
  try {
    const stats = await buffered.stat();
    const sizeBytes = await sizeOf(path, stats);
    const claim = mode | (access === "write" && stats.isBlockDevice() ? constants.O_EXCL : 0);
    exclusive = direct ? await openDirect(path, claim) : undefined;
    const isDirect = exclusive !== undefined;
    exclusive ??= await open(path, claim);
    return overHandles(sizeBytes, isDirect, exclusive, buffered);
  } catch (error) {
    await exclusive?.close();
    await buffered.close();
    throw error;
  }
}

function overHandles(sizeBytes: number, direct: boolean, main: FileHandle, buffered: FileHandle): BlockFile {
  const handleFor = (bytes: Uint8Array, offset: number): FileHandle =>
    direct && (bytes.length % ALIGNMENT !== 0 || offset % ALIGNMENT !== 0) ? buffered : main;
  let closed: Promise<void> | undefined;
  return {
    sizeBytes,
    direct,
    async read(into, offset) {
      return (await handleFor(into, offset).read(into, 0, into.length, offset)).bytesRead;
    },
    async write(from, offset) {
      return (await handleFor(from, offset).write(from, 0, from.length, offset)).bytesWritten;
    },
    // Both descriptors belong to one inode, so this also syncs the bytes of the other one.
    sync: () => main.datasync(),
    close() {
      closed ??= Promise.all([main.close(), buffered.close()]).then(() => undefined);
      return closed;
    },
  };
}

/**
 * @returns `undefined` if the storage does not support O_DIRECT: some storage rejects the open, some the first access
 */
async function openDirect(path: string, flags: number): Promise<FileHandle | undefined> {
  const { buffers, aligned } = allocateBuffers(1, ALIGNMENT);
  const probe = buffers[0];
  if (!aligned || probe === undefined) return undefined;
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, flags | constants.O_DIRECT);
    await handle.read(probe, 0, ALIGNMENT, 0);
    return handle;
  } catch (error) {
    await handle?.close();
    if (errnoOf(error) === "EINVAL") return undefined;
    throw error;
  }
}

/**
 * The size of an open file or block device. stat(2) reports 0 for a block device, and Node has neither ioctl nor lseek,
 * so this reads the size from sysfs.
 *
 * @throws {AgentError} SLOT_IO if `path` is neither kind
 */
export async function sizeOf(path: string, stats: Stats): Promise<number> {
  if (stats.isFile()) return stats.size;
  if (!stats.isBlockDevice()) throw new AgentError("SLOT_IO", { path, reason: "neither a block device nor a file" });
  const sectors = await readFile(`/sys/dev/block/${deviceNumber(stats.rdev)}/size`, "utf8");
  return Number(sectors) * 512;
}

/** `major:minor`, as the kernel writes it in /proc and /sys. */
export function deviceNumber(rdev: number): string {
  const bits = BigInt(rdev);
  const major = ((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xfffff000n);
  const minor = (bits & 0xffn) | ((bits >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}
