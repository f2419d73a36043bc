import { execFileSync } from "node:child_process";
import { truncateSync, writeFileSync } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PartitionTable, readPartitionTable } from "../../image/partition-table.ts";

const MIB = 1024 * 1024;
const SIZE = 64 * MIB;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-table-"));
});
afterAll(() => rm(folder, { recursive: true }));

let made = 0;
function image(script: string): string {
  const path = join(folder, `disk-${made++}.img`);
  writeFileSync(path, "");
  truncateSync(path, SIZE);
  execFileSync("sfdisk", ["--quiet", path], { input: script, stdio: ["pipe", "ignore", "pipe"] });
  return path;
}

interface Listed {
  readonly label: string;
  readonly id: string;
  readonly partitions?: readonly Record<
    "node" | "start" | "size" | "type" | "name" | "uuid" | "bootable" | "attrs",
    unknown
  >[];
}

/** What sfdisk says about an image, in the form in which we say it. */
function bySfdisk(path: string): object {
  const { partitiontable } = JSON.parse(execFileSync("sfdisk", ["--json", path], { encoding: "utf8" })) as {
    partitiontable: Listed;
  };
  const partitions = (partitiontable.partitions ?? []).map(
    ({ node, start, size, type, name, uuid, bootable, attrs }) => ({
      number: Number(String(node).slice(path.length)),
      offset: Number(start) * 512,
      size: Number(size) * 512,
      type,
      name,
      uuid,
      bootable: bootable === true || attrs === "LegacyBIOSBootable",
    }),
  );
  return { label: partitiontable.label, id: partitiontable.id, partitions };
}

const ours = ({ label, id, partitions }: PartitionTable): object => ({
  label,
  id,
  partitions: partitions.map(({ number, offset, size, type, name, uuid, bootable }) => ({
    number,
    offset,
    size,
    type,
    name,
    // sfdisk shows the identifiers of partitions only for a GPT.
    uuid: label === "gpt" ? uuid : undefined,
    bootable: bootable === true,
  })),
});

const GPT = [
  "label: gpt",
  "size=4MiB, type=uefi, name=boot",
  'size=8MiB, name="Größe ✓"',
  "start=20MiB, size=8MiB, attrs=LegacyBIOSBootable",
  "",
].join("\n");

const TABLES: Readonly<Record<string, string>> = {
  "an empty MBR": "label: dos\n",
  "an MBR with four partitions": "label: dos\nsize=8MiB, type=c, bootable\nsize=8MiB\nsize=8MiB\ntype=83\n",
  "an MBR whose partitions are not in the order of their places":
    "label: dos\n1: start=40MiB, size=4MiB\n3: start=8MiB, size=1MiB, type=82\n",
  "an MBR with logical partitions": `label: dos\nsize=8MiB\ntype=f, size=48MiB\n${"size=2MiB\n".repeat(7)}type=82\n`,
  "an MBR with an empty extended partition": "label: dos\nsize=8MiB\ntype=5\n",
  "an empty GPT": "label: gpt\n",
  "a GPT": GPT,
  "a GPT with few entries": "label: gpt\ntable-length: 8\nfirst-lba: 64\nstart=64, size=1\nsize=1\n",
  "a GPT with many entries": `label: gpt\ntable-length: 256\n${"size=1MiB\n".repeat(20)}200: size=1MiB, name=last\n`,
};

for (const [name, script] of Object.entries(TABLES)) {
  test(`sfdisk and we read the same from ${name}`, async () => {
    const path = image(script);
    const table = await readPartitionTable(path);
    expect(table).toBeDefined();
    expect(ours(table as PartitionTable)).toEqual(bySfdisk(path));
    expect(table?.copies).toEqual(table?.label === "gpt" ? { primary: "valid", backup: "valid" } : undefined);
  });
}

test("blkid finds the partitions of an MBR by the identifiers that we give them", async () => {
  const table = await readPartitionTable(image("label: dos\nlabel-id: 0x0badcafe\nsize=8MiB\ntype=f\nsize=4MiB\n"));
  expect(table?.partitions.map(({ uuid }) => uuid)).toEqual(["0badcafe-01", "0badcafe-02", "0badcafe-05"]);
});

test("the backup of a GPT stands in for a damaged primary copy, and sfdisk agrees", async () => {
  const path = image(GPT);
  const whole = await readPartitionTable(path);
  for (const [at, copies] of [
    [1024 + 8, { primary: "damaged", backup: "valid" }],
    [512 + 60, { primary: "damaged", backup: "valid" }],
  ] as const) {
    await damage(path, at);
    expect(await readPartitionTable(path)).toEqual({ ...whole, copies });
  }
  expect(ours(whole as PartitionTable)).toEqual(bySfdisk(path));
  await damage(path, SIZE - 512 + 60);
  await expect(readPartitionTable(path)).rejects.toMatchObject({ code: "PARTITION_TABLE_DAMAGED" });
});

test("a damaged backup is named, and so is a backup of another table", async () => {
  const [path, other] = [image(GPT), image(GPT)];
  await damage(path, SIZE - 512 + 60);
  expect((await readPartitionTable(path))?.copies).toEqual({ primary: "valid", backup: "damaged" });
  await copy(other, path, SIZE - 33 * 512);
  expect((await readPartitionTable(path))?.copies).toEqual({ primary: "valid", backup: "different" });
});

test("a GPT on sectors of 4096 bytes is read as fdisk reads it, from both copies", async () => {
  const path = join(folder, "sectors-4096");
  writeFileSync(path, "");
  truncateSync(path, SIZE);
  writeFileSync(`${path}.script`, 'label: gpt\nstart=256, size=1024, name="a b"\nsize=2048\n');
  execFileSync("fdisk", ["-b", "4096", path], { input: `I\n${path}.script\nw\n`, stdio: ["pipe", "ignore", "pipe"] });
  const listed = execFileSync("fdisk", ["-b", "4096", "-l", path, "-o", "Start,Sectors,Type-UUID,UUID"], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  });
  const found = await readPartitionTable(path);
  const rows = found?.partitions.map(({ offset, size, type, uuid }) =>
    [offset / 4096, size / 4096, type, uuid].join(" "),
  );
  expect(rows).toHaveLength(2);
  expect(listed.replaceAll(/^ +/gm, "").replaceAll(/ +/g, " ")).toContain(rows?.join("\n"));
  expect(found).toMatchObject({ sectorSize: 4096, copies: { primary: "valid", backup: "valid" } });
  await damage(path, 4096 + 60);
  expect(await readPartitionTable(path)).toEqual({ ...found, copies: { primary: "damaged", backup: "valid" } });
});

test("the image of a single file system has no table", async () => {
  const path = join(folder, "file-system");
  for (const make of [["mkfs.vfat"], ["mkfs.vfat", "-F", "32"], ["mke2fs", "-q", "-t", "ext4"]] as const) {
    writeFileSync(path, "");
    truncateSync(path, SIZE);
    execFileSync(make[0], [...make.slice(1), path], { stdio: "ignore" });
    expect(await readPartitionTable(path), make.join(" ")).toBeUndefined();
  }
});

async function damage(path: string, at: number): Promise<void> {
  const file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 0xff;
  await file.write(byte, 0, 1, at);
  await file.close();
}

async function copy(from: string, to: string, at: number): Promise<void> {
  const [source, target] = [await open(from), await open(to, "r+")];
  const bytes = Buffer.alloc(SIZE - at);
  await source.read(bytes, 0, bytes.length, at);
  await target.write(bytes, 0, bytes.length, at);
  await source.close();
  await target.close();
}
