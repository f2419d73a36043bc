import { AgentError } from "../../src/errors/agent-error.ts";
import { bytesAt, checkPlaces, type Disk, FIRST_LOGICAL, isInside } from "./sectors.ts";
import type { PartitionTable, TablePartition } from "./table.ts";

const SIGNATURE = 0xaa55;
const SIGNATURE_AT = 510;
const DISK_ID_AT = 440;
const ENTRIES_AT = 446;
const ENTRY_BYTES = 16;
const ENTRY_COUNT = 4;
const ACTIVE = 0x80;
const PROTECTIVE = 0xee;
const EXTENDED: readonly number[] = [0x05, 0x0f, 0x85];
/** As many as Linux's fdisk supports. */
const MAX_LOGICAL = 56;
/** Where the boot sector of a FAT file system names its type. */
const FAT_NAMES_AT = [54, 82];

interface Entry {
  readonly flag: number;
  readonly type: number;
  readonly start: number;
  readonly sectors: number;
}

const isUsed = ({ type, sectors }: Entry): boolean => type !== 0 && sectors !== 0;
const isExtended = ({ type }: Entry): boolean => EXTENDED.includes(type);

/** The boot sector of a FAT file system ends with the same signature, so the entries must make sense, too. */
export function holdsMasterBootRecord(sector: Buffer): boolean {
  if (sector.readUInt16LE(SIGNATURE_AT) !== SIGNATURE) return false;
  const entries = entriesOf(sector);
  if (entries.some(({ flag }) => flag !== 0 && flag !== ACTIVE)) return false;
  return entries.some(isUsed) || !FAT_NAMES_AT.some((at) => sector.toString("latin1", at, at + 3) === "FAT");
}

export const isProtective = (sector: Buffer): boolean => entriesOf(sector).some(({ type }) => type === PROTECTIVE);

/** The number of sectors that the protective entry of a GPT covers. */
export const protectedSectors = (sector: Buffer): number => {
  const entry = entriesOf(sector).find(({ type }) => type === PROTECTIVE);
  return entry === undefined ? 0 : entry.start + entry.sectors;
};

export async function readMbr(disk: Disk, sector: Buffer): Promise<PartitionTable> {
  const id = sector.readUInt32LE(DISK_ID_AT);
  const primary = entriesOf(sector).flatMap((entry, index) => {
    return isUsed(entry) ? [partitionOf(disk, id, entry, index + 1)] : [];
  });
  const container = primary.find((partition) => partition.container === true);
  const logical = container === undefined ? [] : await logicalPartitions(disk, id, container);
  const partitions = [...primary, ...logical];
  checkPlaces(partitions, disk);
  return { label: "dos", id: `0x${hex(id, 8)}`, sectorSize: disk.sectorSize, partitions };
}

/** Follows the chain of extended boot records. Each describes one partition, and says where the next record is. */
async function logicalPartitions(
  disk: Disk,
  id: number,
  container: TablePartition,
): Promise<readonly TablePartition[]> {
  const found: TablePartition[] = [];
  const seen = new Set<number>();
  for (let at: number | undefined = container.offset; at !== undefined; ) {
    if (seen.has(at)) throw new AgentError("PARTITION_LOOP", { offset: at });
    if (seen.size === MAX_LOGICAL) throw new AgentError("PARTITION_LIMIT", { logicalPartitions: MAX_LOGICAL });
    seen.add(at);
    const [own, next] = await chainRecord(disk, at, container);
    if (own !== undefined) {
      const entry = { ...own, start: own.start + at / disk.sectorSize };
      found.push(checkedLogical(partitionOf(disk, id, entry, FIRST_LOGICAL + found.length), container));
    }
    at = next === undefined ? undefined : container.offset + next.start * disk.sectorSize;
  }
  return found;
}

/** @returns the entry of the logical partition, and the entry that names the place of the next record */
async function chainRecord(
  disk: Disk,
  offset: number,
  container: TablePartition,
): Promise<readonly [Entry | undefined, Entry | undefined]> {
  const size = disk.sectorSize;
  const record = isInside({ offset, size }, container) ? await bytesAt(disk, offset, size) : undefined;
  if (record === undefined) throw new AgentError("PARTITION_OUTSIDE", { record: offset });
  if (record.readUInt16LE(SIGNATURE_AT) !== SIGNATURE) throw new AgentError("PARTITION_TABLE_DAMAGED", { offset });
  const used = entriesOf(record).filter(isUsed);
  return [used.find((entry) => !isExtended(entry)), used.find(isExtended)];
}

function checkedLogical(partition: TablePartition, container: TablePartition): TablePartition {
  if (isInside(partition, container)) return partition;
  throw new AgentError("PARTITION_OUTSIDE", { partition: partition.number, extended: container.number });
}

function partitionOf({ sectorSize }: Disk, id: number, entry: Entry, number: number): TablePartition {
  return {
    number,
    offset: entry.start * sectorSize,
    size: entry.sectors * sectorSize,
    type: hex(entry.type),
    ...(id !== 0 && { uuid: `${hex(id, 8)}-${hex(number, 2)}` }),
    ...(entry.flag === ACTIVE && { bootable: true }),
    ...(isExtended(entry) && { container: true }),
  };
}

const entriesOf = (sector: Buffer): readonly Entry[] =>
  Array.from({ length: ENTRY_COUNT }, (_, index) => {
    const at = ENTRIES_AT + index * ENTRY_BYTES;
    return {
      flag: sector.readUInt8(at),
      type: sector.readUInt8(at + 4),
      start: sector.readUInt32LE(at + 8),
      sectors: sector.readUInt32LE(at + 12),
    };
  });

const hex = (value: number, digits = 1): string => value.toString(16).padStart(digits, "0");
