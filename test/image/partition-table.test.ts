import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPartitionTable } from "../../image/partition-table.ts";
import { AgentError } from "../../src/errors/agent-error.ts";

const SECTORS = 8192;

let path: string;
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), "switchback-table-")), "disk");
});
afterAll(() => rm(join(path, ".."), { recursive: true }));

type Entry = readonly [type: number, start: number, sectors: number, flag?: number];

/** A boot record with these entries, at sector `at` of the image. */
function record(entries: readonly Entry[], at = 0): readonly [number, Buffer] {
  const sector = Buffer.alloc(512);
  sector.writeUInt16LE(0xaa55, 510);
  for (const [index, [type, start, sectors, flag = 0]] of entries.entries()) {
    sector.writeUInt8(flag, 446 + index * 16);
    sector.writeUInt8(type, 446 + index * 16 + 4);
    sector.writeUInt32LE(start, 446 + index * 16 + 8);
    sector.writeUInt32LE(sectors, 446 + index * 16 + 12);
  }
  return [at, sector];
}

/** A GPT without a backup. The changes apply before the checksum is made, so that only they are wrong. */
function gpt(
  ranges: readonly (readonly [first: number, last: number])[],
  header: { readonly count?: number; readonly entryBytes?: number; readonly entriesAt?: number } = {},
): readonly (readonly [number, Buffer])[] {
  const entries = Buffer.alloc(16 * 1024);
  for (const [index, [first, last]] of ranges.entries()) {
    entries.fill(1, index * 128, index * 128 + 32);
    entries.writeBigUInt64LE(BigInt(first), index * 128 + 32);
    entries.writeBigUInt64LE(BigInt(last), index * 128 + 40);
  }
  const sector = Buffer.alloc(512);
  sector.write("EFI PART");
  sector.writeUInt32LE(92, 12);
  sector.writeBigUInt64LE(1n, 24);
  sector.writeBigUInt64LE(BigInt(header.entriesAt ?? 2), 72);
  sector.writeUInt32LE(header.count ?? 128, 80);
  sector.writeUInt32LE(header.entryBytes ?? 128, 84);
  sector.writeUInt32LE(crc32(entries), 88);
  sector.writeUInt32LE(crc32(sector.subarray(0, 92)), 16);
  return [record([[0xee, 1, 0xffffffff]]), [1, sector], [2, entries]];
}

async function read(sectors: readonly (readonly [number, Buffer])[]): Promise<unknown> {
  const bytes = Buffer.alloc(SECTORS * 512);
  for (const [at, content] of sectors) content.copy(bytes, at * 512);
  await writeFile(path, bytes);
  return await readPartitionTable(path);
}

const failure = async (sectors: readonly (readonly [number, Buffer])[]): Promise<string> =>
  await read(sectors).then(
    (table) => JSON.stringify(table),
    (error: unknown) => (error instanceof AgentError ? `${error.code} ${JSON.stringify(error.detail)}` : String(error)),
  );

const extended: Entry = [0x0f, 1000, 4000];
/** A chain of `count` logical partitions of one sector, one in every four sectors. */
const chain = (count: number): readonly (readonly [number, Buffer])[] =>
  Array.from({ length: count }, (_, index) =>
    record([[0x83, 1, 1], ...(index + 1 < count ? ([[0x05, (index + 1) * 4, 4]] as const) : [])], 1000 + index * 4),
  );

const HOSTILE: Readonly<Record<string, readonly [readonly (readonly [number, Buffer])[], string]>> = {
  "a partition beyond the end": [
    [
      record([
        [0x83, 100, 10],
        [0x83, 8000, 193],
      ]),
    ],
    'PARTITION_OUTSIDE {"partition":2,"offset":4096000,"size":98816,"imageSize":4194304}',
  ],
  "a partition as large as an MBR can name": [
    [record([[0x83, 4294967295, 4294967295]])],
    'PARTITION_OUTSIDE {"partition":1',
  ],
  "two partitions that share a sector": [
    [
      record([
        [0x83, 300, 100],
        [0x83, 100, 201],
      ]),
    ],
    'PARTITION_OVERLAP {"partition":2,"other":1}',
  ],
  "a primary partition in the extended one": [[record([extended, [0x83, 2000, 10]]), ...chain(1)], "PARTITION_OVERLAP"],
  "logical partitions that overlap": [
    [
      record([extended]),
      record(
        [
          [0x83, 1, 100],
          [0x05, 50, 10],
        ],
        1000,
      ),
      record([[0x83, 1, 1]], 1050),
    ],
    'PARTITION_OVERLAP {"partition":5,"other":6}',
  ],
  "a record that names itself": [
    [
      record([extended]),
      record(
        [
          [0x83, 1, 1],
          [0x05, 4, 4],
        ],
        1000,
      ),
      record(
        [
          [0x83, 1, 1],
          [0x05, 4, 4],
        ],
        1004,
      ),
    ],
    'PARTITION_LOOP {"offset":514048}',
  ],
  "a record that names the first one": [
    [record([extended]), record([[0x05, 4, 4]], 1000), record([[0x05, 0, 4]], 1004)],
    'PARTITION_LOOP {"offset":512000}',
  ],
  "too many logical partitions": [[record([extended]), ...chain(57)], 'PARTITION_LIMIT {"logicalPartitions":56}'],
  "a record outside of the extended partition": [
    [
      record([extended]),
      record(
        [
          [0x83, 1, 1],
          [0x05, 4000, 4],
        ],
        1000,
      ),
      record([], 5000),
    ],
    'PARTITION_OUTSIDE {"record":2560000}',
  ],
  "a logical partition outside of the extended one": [
    [record([extended]), record([[0x83, 1, 4000]], 1000)],
    'PARTITION_OUTSIDE {"partition":5,"extended":1}',
  ],
  "a chain without a record": [[record([extended])], 'PARTITION_TABLE_DAMAGED {"offset":512000}'],
  "a protective MBR without a GPT": [[record([[0xee, 1, 0xffffffff]])], 'PARTITION_TABLE_DAMAGED {"label":"gpt"}'],
  "a GPT with 2 ** 32 - 1 entries": [
    gpt([], { count: 0xffffffff }),
    'PARTITION_LIMIT {"entries":4294967295,"entryBytes":128}',
  ],
  "a GPT with huge entries": [gpt([], { entryBytes: 0xfffffff8 }), "PARTITION_LIMIT"],
  "a GPT whose entries are outside of the image": [gpt([], { entriesAt: 2 ** 53 }), "PARTITION_TABLE_DAMAGED"],
  "a GPT with entries that are too small": [gpt([], { entryBytes: 64, count: 256 }), "PARTITION_TABLE_DAMAGED"],
  "a GPT partition beyond the end": [gpt([[100, 8192]]), 'PARTITION_OUTSIDE {"partition":1,"offset":51200'],
  "a GPT partition at the end of the numbers": [gpt([[Number.MAX_SAFE_INTEGER, 2 ** 62]]), "PARTITION_OUTSIDE"],
  "a GPT partition that ends before its start": [gpt([[100, 98]]), "PARTITION_OUTSIDE"],
  "GPT partitions that overlap": [
    gpt([
      [100, 200],
      [200, 300],
    ]),
    'PARTITION_OVERLAP {"partition":1,"other":2}',
  ],
};

for (const [name, [sectors, expected]] of Object.entries(HOSTILE)) {
  test(`refused: ${name}`, async () => {
    expect(await failure(sectors)).toContain(expected);
  });
}

test("as many logical partitions as are allowed are read in the order of the chain", async () => {
  const table = await read([record([extended]), ...chain(56)]);
  expect(table).toMatchObject({ partitions: { length: 57, 56: { number: 60, offset: (1000 + 55 * 4 + 1) * 512 } } });
});

test("an MBR of sectors with 4096 bytes is read when the caller says so", async () => {
  await writeFile(path, Buffer.concat([record([[0x83, 10, 20]])[1]]));
  await truncate(path, 4096 * 100);
  expect(await readPartitionTable(path, { sectorSize: 4096 })).toMatchObject({
    partitions: [{ number: 1, offset: 40960, size: 81920 }],
  });
});

test("no table: an empty file, a short file, zeros, and a record with an impossible flag", async () => {
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(511), Buffer.alloc(4096), record([[0x83, 1, 1, 0x12]])[1]]) {
    await writeFile(path, bytes);
    expect(await readPartitionTable(path)).toBeUndefined();
  }
});
