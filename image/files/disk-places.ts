import { stat } from "node:fs/promises";
import { posix } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import { readPartitionTable } from "../partition-table.ts";
import { imagePath } from "./image-path.ts";
import { fileSystemAt } from "./kind.ts";
import type { Place } from "./place.ts";

/** A path of the running system, by the partition that holds it. */
export interface PlacedPath {
  readonly role: "boot" | "rootfs" | "data";
  /** The path from the root of that partition. */
  readonly path: string;
}

/** A file system, and the path in it. */
export interface PathInPlace {
  readonly place: Place;
  readonly path: string;
}

/** Where systems mount the boot and the data partition. */
const MOUNTS = [
  { folder: "/data", role: "data" },
  { folder: "/uboot", role: "boot" },
  { folder: "/boot/efi", role: "boot" },
  { folder: "/boot/grub", role: "boot" },
  { folder: "/boot/firmware", role: "boot" },
] as const;

/** The partitions of a disk with two slots, in their order. */
const ROLES = ["boot", "rootfs", "rootfs", "data"] as const;

/** The partition that a path of the running system leads to. */
export function placedPath(path: string): PlacedPath {
  const whole = imagePath(path);
  const mount = MOUNTS.find(({ folder }) => whole === folder || whole.startsWith(`${folder}/`));
  if (mount === undefined) return { role: "rootfs", path: whole };
  return { role: mount.role, path: posix.join("/", whole.slice(mount.folder.length)) };
}

/**
 * The file systems that hold `path`: the image itself, if it is one, and otherwise partitions of a disk. A path of the
 * root file system leads to both slots, except to an empty one.
 *
 * @throws {AgentError} IMAGE_PARTITION, IMAGE_FILE_SYSTEM, IMAGE_UNREADABLE, IMAGE_PATH, and those of
 * `readPartitionTable`
 */
export async function placesOf(image: string, path: string): Promise<readonly PathInPlace[]> {
  const size = await sizeOf(image);
  const whole = { path: image, offset: 0, size };
  if ((await fileSystemAt(whole)) !== undefined) return [{ place: whole, path: imagePath(path) }];
  const table = await readPartitionTable(image);
  if (table === undefined) throw new AgentError("IMAGE_FILE_SYSTEM", { image, offset: 0, found: "unknown" });
  const partitions = table.partitions.filter(({ container }) => container !== true);
  if (partitions.length < ROLES.length) {
    throw new AgentError("IMAGE_PARTITION", { image, partitions: partitions.length, needed: ROLES.length });
  }
  const placed = placedPath(path);
  const found: PathInPlace[] = [];
  for (const [index, role] of ROLES.entries()) {
    const partition = partitions[index];
    if (role !== placed.role || partition === undefined) continue;
    const place = { path: image, offset: partition.offset, size: partition.size };
    if ((await fileSystemAt(place)) !== undefined) found.push({ place, path: placed.path });
  }
  if (found.length === 0) throw new AgentError("IMAGE_PARTITION", { image, path, reason: "no file system there" });
  return found;
}

async function sizeOf(image: string): Promise<number> {
  const found = await stat(image).catch((cause: unknown) => {
    throw new AgentError("IMAGE_UNREADABLE", { path: image }, cause);
  });
  if (found.isFile()) return found.size;
  throw new AgentError("IMAGE_UNREADABLE", { path: image, reason: "not a regular file" });
}
