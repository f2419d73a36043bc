import { crc32 } from "node:zlib";
import type { DiskImage } from "./disk-image.ts";
import { type Layout, type PlacedPartition, SECTOR } from "./layout.ts";

const ENTRY_AT = 446;
const ENTRY_BYTES = 16;
const SIGNATURE = 0xaa55;
const EXTENDED = 0x05;
const PROTECTIVE = 0xee;
const ACTIVE = 0x80;
/** The old addresses by cylinder, head and sector, when a disk is too large for them. */
const NO_CHS = Buffer.from([0xfe, 0xff, 0xff]);

const GPT_ENTRIES = 128;
const GPT_ENTRY_BYTES = 128;
const GPT_TABLE_SECTORS = (GPT_ENTRIES * GPT_ENTRY_BYTES) / SECTOR;
const GPT_HEADER_BYTES = 92;
const GPT_REVISION = 0x00010000;
const NAME_CHARACTERS = 36;

/** Writes the partition table, of which a GPT keeps a second copy at the end of the disk. */
export async function writePartitionTable(layout: Layout, image: DiskImage): Promise<void> {
  if (layout.label === "dos") await writeDos(layout, image);
  else await writeGpt(layout, image);
}

async function writeDos({ id, partitions, extended }: Layout, image: DiskImage): Promise<void> {
  const table = bootRecord();
  table.writeUInt32LE(Number.parseInt(id, 16), 440);
  const primary = partitions.filter(({ linkBytes }) => linkBytes === undefined);
  const bootable = primary.findIndex(({ role }) => role === "boot");
  for (const [index, partition] of primary.entries()) {
    const type = Number.parseInt(partition.type, 16);
    putEntry(table, index, type, partition.startBytes, partition.size, index === bootable);
  }
  if (extended !== undefined) putEntry(table, primary.length, EXTENDED, extended.startBytes, extended.sizeBytes);
  await image.write(table, 0);
  const logical = partitions.filter(({ linkBytes }) => linkBytes !== undefined);
  for (const [index, { type, startBytes, size, linkBytes = 0 }] of logical.entries()) {
    const record = bootRecord();
    putEntry(record, 0, Number.parseInt(type, 16), startBytes - linkBytes, size);
    const next = logical[index + 1];
    if (next?.linkBytes !== undefined && extended !== undefined) {
      const length = next.startBytes - next.linkBytes + next.size;
      putEntry(record, 1, EXTENDED, next.linkBytes - extended.startBytes, length);
    }
    await image.write(record, linkBytes);
  }
}

function bootRecord(): Buffer {
  const record = Buffer.alloc(SECTOR);
  record.writeUInt16LE(SIGNATURE, SECTOR - 2);
  return record;
}

function putEntry(record: Buffer, index: number, type: number, start: number, size: number, isActive = false): void {
  const at = ENTRY_AT + index * ENTRY_BYTES;
  record[at] = isActive ? ACTIVE : 0;
  NO_CHS.copy(record, at + 1);
  record[at + 4] = type;
  NO_CHS.copy(record, at + 5);
  record.writeUInt32LE(start / SECTOR, at + 8);
  record.writeUInt32LE(Math.min(size / SECTOR, 0xffffffff), at + 12);
}

async function writeGpt(layout: Layout, image: DiskImage): Promise<void> {
  const sectors = layout.sizeBytes / SECTOR;
  const protective = bootRecord();
  putEntry(protective, 0, PROTECTIVE, SECTOR, (sectors - 1) * SECTOR);
  const entries = Buffer.alloc(GPT_ENTRIES * GPT_ENTRY_BYTES);
  for (const partition of layout.partitions) putGptEntry(entries, partition);
  const secondTable = sectors - 1 - GPT_TABLE_SECTORS;
  await image.write(protective, 0);
  await image.write(gptHeader(layout, entries, 1, sectors - 1, 2), SECTOR);
  await image.write(entries, 2 * SECTOR);
  await image.write(entries, secondTable * SECTOR);
  await image.write(gptHeader(layout, entries, sectors - 1, 1, secondTable), (sectors - 1) * SECTOR);
}

function putGptEntry(entries: Buffer, { number, type, partuuid, startBytes, size, label }: PlacedPartition): void {
  const at = (number - 1) * GPT_ENTRY_BYTES;
  guidBytes(type).copy(entries, at);
  guidBytes(partuuid).copy(entries, at + 16);
  entries.writeBigUInt64LE(BigInt(startBytes / SECTOR), at + 32);
  entries.writeBigUInt64LE(BigInt((startBytes + size) / SECTOR - 1), at + 40);
  entries.write(label.slice(0, NAME_CHARACTERS), at + 56, "utf16le");
}

function gptHeader({ id, sizeBytes }: Layout, entries: Buffer, own: number, other: number, table: number): Buffer {
  const sectors = sizeBytes / SECTOR;
  const header = Buffer.alloc(SECTOR);
  header.write("EFI PART", 0, "latin1");
  header.writeUInt32LE(GPT_REVISION, 8);
  header.writeUInt32LE(GPT_HEADER_BYTES, 12);
  header.writeBigUInt64LE(BigInt(own), 24);
  header.writeBigUInt64LE(BigInt(other), 32);
  header.writeBigUInt64LE(BigInt(2 + GPT_TABLE_SECTORS), 40);
  header.writeBigUInt64LE(BigInt(sectors - 2 - GPT_TABLE_SECTORS), 48);
  guidBytes(id).copy(header, 56);
  header.writeBigUInt64LE(BigInt(table), 72);
  header.writeUInt32LE(GPT_ENTRIES, 80);
  header.writeUInt32LE(GPT_ENTRY_BYTES, 84);
  header.writeUInt32LE(crc32(entries), 88);
  header.writeUInt32LE(crc32(header.subarray(0, GPT_HEADER_BYTES)), 16);
  return header;
}

/** The first three groups of a GUID are stored with their lowest byte first. */
function guidBytes(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll("-", ""), "hex");
  return Buffer.concat([
    bytes.subarray(0, 4).reverse(),
    bytes.subarray(4, 6).reverse(),
    bytes.subarray(6, 8).reverse(),
    bytes.subarray(8),
  ]);
}
