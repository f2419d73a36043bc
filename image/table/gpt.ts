import { crc32 } from "node:zlib";
import { AgentError } from "../../src/errors/agent-error.ts";
import { protectedSectors } from "./mbr.ts";
import { bytesAt, checkPlaces, type Disk, SECTOR_SIZES } from "./sectors.ts";
import type { PartitionTable, TablePartition } from "./table.ts";

const SIGNATURE = "EFI PART";
const HEADER_BYTES = 92;
const HEADER_CRC_AT = 16;
const ENTRY_BYTES = 128;
/** 128 entries of 128 bytes are usual. The limit bounds what a hostile table can make us read. */
const MAX_ENTRIES = 1024;
const MAX_ENTRIES_BYTES = 1024 * 1024;
const NAME_AT = 56;
const UNUSED = "00000000-0000-0000-0000-000000000000";
/** The attribute "legacy BIOS bootable". */
const BOOTABLE = 4n;

/** One valid copy of the table: the header at the start of the disk, or the header in its last sector. */
interface Copy {
  readonly disk: Disk;
  readonly id: string;
  readonly backupSector: number;
  readonly entriesCrc: number;
  readonly entries: Buffer;
  readonly entryBytes: number;
}

/**
 * Reads the primary table, or the backup in the last sector if the primary is damaged.
 *
 * @param sector the protective MBR, which says where the disk ends
 */
export async function readGpt(disk: Disk, sector: Buffer): Promise<PartitionTable> {
  const disks = SECTOR_SIZES.map((sectorSize) => ({ ...disk, sectorSize }));
  const primary = await firstOf(disks.map((each) => () => copyAt(each, 1)));
  if (primary === undefined) {
    const places = disks.flatMap((each) => backupSectors(each, sector).map((at) => () => copyAt(each, at)));
    const backup = await firstOf(places);
    if (backup === undefined) throw new AgentError("PARTITION_TABLE_DAMAGED", { label: "gpt" });
    return tableOf(backup, { primary: "damaged", backup: "valid" });
  }
  const backup = await copyAt(primary.disk, primary.backupSector);
  return tableOf(primary, { primary: "valid", backup: backup === undefined ? "damaged" : compared(primary, backup) });
}

async function firstOf(reads: readonly (() => Promise<Copy | undefined>)[]): Promise<Copy | undefined> {
  for (const read of reads) {
    const found = await read();
    if (found !== undefined) return found;
  }
  return undefined;
}

/** An image may be larger than the disk that it describes, so the end that the MBR names counts, too. */
function backupSectors({ size, sectorSize }: Disk, mbr: Buffer): readonly number[] {
  return [Math.floor(size / sectorSize) - 1, protectedSectors(mbr) - 1].filter((sector) => sector > 1);
}

const compared = (one: Copy, two: Copy): "valid" | "different" =>
  one.id === two.id && one.entriesCrc === two.entriesCrc ? "valid" : "different";

/**
 * @returns `undefined` if there is no valid copy in this sector
 * @throws {AgentError} PARTITION_LIMIT
 */
async function copyAt(disk: Disk, sector: number): Promise<Copy | undefined> {
  const header = await bytesAt(disk, sector * disk.sectorSize, disk.sectorSize);
  if (header === undefined || !isHeader(header, sector)) return undefined;
  const entryBytes = header.readUInt32LE(84);
  const count = header.readUInt32LE(80);
  if (entryBytes < ENTRY_BYTES || entryBytes % 8 !== 0) return undefined;
  if (count > MAX_ENTRIES || count * entryBytes > MAX_ENTRIES_BYTES) {
    throw new AgentError("PARTITION_LIMIT", { entries: count, entryBytes });
  }
  const entries = await bytesAt(disk, Number(header.readBigUInt64LE(72)) * disk.sectorSize, count * entryBytes);
  const entriesCrc = header.readUInt32LE(88);
  if (entries === undefined || crc32(entries) !== entriesCrc) return undefined;
  const backupSector = Number(header.readBigUInt64LE(32));
  return { disk, id: guidAt(header, 56), backupSector, entriesCrc, entries, entryBytes };
}

function isHeader(header: Buffer, sector: number): boolean {
  if (header.toString("latin1", 0, SIGNATURE.length) !== SIGNATURE) return false;
  const length = header.readUInt32LE(12);
  if (length < HEADER_BYTES || length > header.length) return false;
  const covered = Buffer.from(header.subarray(0, length));
  covered.writeUInt32LE(0, HEADER_CRC_AT);
  return crc32(covered) === header.readUInt32LE(HEADER_CRC_AT) && header.readBigUInt64LE(24) === BigInt(sector);
}

function tableOf(copy: Copy, copies: NonNullable<PartitionTable["copies"]>): PartitionTable {
  const count = Math.floor(copy.entries.length / copy.entryBytes);
  const partitions = Array.from({ length: count }, (_, index) => partitionOf(copy, index)).filter(
    (partition) => partition.type !== UNUSED,
  );
  checkPlaces(partitions, copy.disk);
  return { label: "gpt", id: copy.id, sectorSize: copy.disk.sectorSize, partitions, copies };
}

function partitionOf({ disk, entries, entryBytes }: Copy, index: number): TablePartition {
  const entry = entries.subarray(index * entryBytes, (index + 1) * entryBytes);
  const first = Number(entry.readBigUInt64LE(32));
  const last = Number(entry.readBigUInt64LE(40));
  const name = entry.toString("utf16le", NAME_AT, ENTRY_BYTES).replace(/\0.*$/su, "");
  return {
    number: index + 1,
    offset: first * disk.sectorSize,
    size: (last - first + 1) * disk.sectorSize,
    type: guidAt(entry, 0),
    uuid: guidAt(entry, 16),
    ...(name !== "" && { name }),
    ...((entry.readBigUInt64LE(48) & BOOTABLE) !== 0n && { bootable: true }),
  };
}

/** The first three fields of a GUID are little endian. */
function guidAt(bytes: Buffer, at: number): string {
  const [a, b, c] = [[at, 4] as const, [at + 4, 2] as const, [at + 6, 2] as const].map(([from, length]) =>
    Buffer.from(bytes.subarray(from, from + length))
      .reverse()
      .toString("hex"),
  );
  const rest = bytes.toString("hex", at + 8, at + 16);
  return `${a}-${b}-${c}-${rest.slice(0, 4)}-${rest.slice(4)}`.toUpperCase();
}
