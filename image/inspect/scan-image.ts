import { stat } from "node:fs/promises";
import { readPartitionTable } from "../partition-table.ts";
import type { ScannedImage } from "./collect-facts.ts";
import { describeFileSystem } from "./file-system.ts";
import type { ReportedPartition } from "./report.ts";

/** The partitions of an image, and what each file system says about itself. @throws {AgentError} those of the table */
export async function scanImage(path: string, signal: AbortSignal): Promise<ScannedImage> {
  const { size } = await stat(path);
  const table = await readPartitionTable(path);
  const whole: ReportedPartition = { number: 0, offset: 0, size, type: "" };
  const partitions: ReportedPartition[] = [];
  for (const partition of table?.partitions ?? [whole]) {
    signal.throwIfAborted();
    const { offset, size: bytes } = partition;
    const fileSystem = partition.container ? undefined : await describeFileSystem({ path, offset, size: bytes });
    partitions.push({ ...partition, ...(fileSystem && { fileSystem }) });
  }
  return { path, size, partitions, ...(table && { table }) };
}
