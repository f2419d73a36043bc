import type { FileSystemReport } from "./report.ts";
import { labelOf, type ReadAt } from "./superblock.ts";

/** Larger tables are read in pieces. */
const PIECE_BYTES = 64 * 1024;
/** The FAT of a file system of 2 TiB: more is damage. */
const MAX_FAT_BYTES = 256 * 1024 * 1024;
const FIRST_CLUSTER = 2;

interface Geometry {
  readonly bits: 12 | 16 | 32;
  readonly clusterBytes: number;
  readonly clusters: number;
  readonly fatAt: number;
}

/** @see Microsoft, "FAT: General Overview of On-Disk Format" */
export async function describeFat(read: ReadAt): Promise<FileSystemReport> {
  const boot = await read(0, 512);
  const geometry = geometryOf(boot);
  const serial = boot.toString("latin1", 82, 87) === "FAT32" ? 67 : 39;
  const id = boot.readUInt32LE(serial).toString(16).toUpperCase().padStart(8, "0");
  const found = {
    type: "vfat",
    ...labelOf(boot.subarray(serial + 4, serial + 15)),
    uuid: `${id.slice(0, 4)}-${id.slice(4)}`,
  };
  if (geometry === undefined) return { ...found, clean: false };
  const { clusters, clusterBytes } = geometry;
  return { ...found, size: clusters * clusterBytes, used: (await usedClusters(read, geometry)) * clusterBytes };
}

/** `undefined` if the boot sector contradicts itself. */
function geometryOf(boot: Buffer): Geometry | undefined {
  const sector = boot.readUInt16LE(11);
  const [perCluster, fats] = [boot.readUInt8(13), boot.readUInt8(16)];
  const reserved = boot.readUInt16LE(14);
  const fatSectors = boot.readUInt16LE(22) || boot.readUInt32LE(36);
  const sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32);
  const rootSectors = Math.ceil((boot.readUInt16LE(17) * 32) / sector);
  const clusters = Math.floor((sectors - reserved - fats * fatSectors - rootSectors) / perCluster);
  if (!Number.isFinite(clusters) || clusters <= 0 || fatSectors * sector > MAX_FAT_BYTES) return undefined;
  const bits = clusters < 4085 ? 12 : clusters < 65525 ? 16 : 32;
  if (((clusters + FIRST_CLUSTER) * bits) / 8 > fatSectors * sector) return undefined;
  return { bits, clusterBytes: perCluster * sector, clusters, fatAt: reserved * sector };
}

/** A cluster whose entry is not zero is in use. */
async function usedClusters(read: ReadAt, { bits, clusters, fatAt }: Geometry): Promise<number> {
  const end = clusters + FIRST_CLUSTER;
  let used = 0;
  // Two entries of 12 bits share three bytes, so pieces have even numbers of entries.
  const step = Math.floor((PIECE_BYTES * 8) / bits / 2) * 2;
  for (let first = 0; first < end; first += step) {
    const count = Math.min(step, end - first);
    const bytes = await read(fatAt + (first * bits) / 8, Math.ceil((count * bits) / 8) + 1);
    for (let index = Math.max(0, FIRST_CLUSTER - first); index < count; index++) {
      if (entryAt(bytes, index, bits) !== 0) used++;
    }
  }
  return used;
}

function entryAt(bytes: Buffer, index: number, bits: Geometry["bits"]): number {
  if (bits === 32) return bytes.readUInt32LE(index * 4) & 0x0fffffff;
  if (bits === 16) return bytes.readUInt16LE(index * 2);
  const pair = bytes.readUInt16LE(Math.floor(index * 1.5));
  return index % 2 === 0 ? pair & 0xfff : pair >> 4;
}
