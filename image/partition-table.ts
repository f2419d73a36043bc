import { type FileHandle, open } from "node:fs/promises";
import { readGpt } from "./table/gpt.ts";
import { holdsMasterBootRecord, isProtective, readMbr } from "./table/mbr.ts";
import { SECTOR_SIZES } from "./table/sectors.ts";
import type { PartitionTable, SectorSize } from "./table/table.ts";

export type { PartitionTable } from "./table/table.ts";

export interface TableOptions {
  /** For an MBR, which does not record the size of its sectors. 512 if omitted. */
  readonly sectorSize?: SectorSize;
}

/**
 * Reads the partition table of an image. It reads at most a few MiB, whatever the table says.
 *
 * @returns `undefined` if the file has no partition table, such as the image of a single file system
 * @throws {AgentError} PARTITION_TABLE_DAMAGED, PARTITION_OUTSIDE, PARTITION_OVERLAP, PARTITION_LOOP, PARTITION_LIMIT
 */
export async function readPartitionTable(
  path: string,
  options: TableOptions = {},
): Promise<PartitionTable | undefined> {
  const file = await open(path);
  try {
    return await tableOf(file, options.sectorSize ?? SECTOR_SIZES[0]);
  } finally {
    await file.close();
  }
}

async function tableOf(file: FileHandle, sectorSize: SectorSize): Promise<PartitionTable | undefined> {
  const disk = { file, size: (await file.stat()).size, sectorSize };
  const first = Buffer.alloc(SECTOR_SIZES[0]);
  const { bytesRead } = await file.read(first, 0, first.length, 0);
  if (bytesRead < first.length || !holdsMasterBootRecord(first)) return undefined;
  return isProtective(first) ? await readGpt(disk, first) : await readMbr(disk, first);
}
