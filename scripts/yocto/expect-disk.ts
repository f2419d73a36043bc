import { open, rm } from "node:fs/promises";
import { ask, type Built, expectText } from "./built.ts";

const SECTOR = 512;

interface Table {
  readonly partitiontable: {
    readonly label: string;
    readonly partitions: readonly { readonly start: number; readonly size: number; readonly type: string }[];
  };
}

/** Partition table, alignment, slots and filesystems of a disk. */
export async function expectDisk(image: string, kind: "sdimg" | "gptimg", built: Built): Promise<string> {
  const path = `${image}.${kind}`;
  const { partitiontable: table } = JSON.parse(await ask("sfdisk", "--json", path)) as Table;
  const label = kind === "sdimg" ? "dos" : "gpt";
  const [boot, a, b, data, ...more] = table.partitions;
  if (table.label !== label || boot === undefined || a === undefined || b === undefined || data === undefined)
    throw new Error(`${path}: expected four partitions in a ${label} table: ${JSON.stringify(table)}`);
  if (more.length > 0) throw new Error(`${path}: there are more than four partitions`);
  for (const { start } of table.partitions)
    if ((start * SECTOR) % built.alignment !== 0) throw new Error(`${path}: a partition starts at sector ${start}`);
  if (a.size !== b.size) throw new Error(`${path}: the slots have ${a.size} and ${b.size} sectors`);
  if (data.size * SECTOR !== built.dataMb * 1024 * 1024) throw new Error(`${path}: data has ${data.size} sectors`);
  const end = (data.start + data.size) * SECTOR;
  if (end > built.totalMb * 1024 * 1024) throw new Error(`${path}: ${end} bytes are more than the medium has`);
  if (kind === "gptimg") expectText(path, await ask("sgdisk", "--verify", path), "No problems found");
  await expectSameBytes(`${image}.ext4`, path, a.start * SECTOR);
  const part = `${image}.${kind}-part`;
  try {
    await cut(path, part, boot);
    await ask("fsck.vfat", "-n", part);
    expectText("boot", await ask("mdir", "-/", "-b", "-i", part, "::"), "::/kernel7.img", "::/overlays/bzImage");
    await cut(path, part, data);
    await ask("e2fsck", "-fn", part);
    expectText("data", await ask("dumpe2fs", "-h", part), "Filesystem volume name:   data\n");
    expectText("data", await ask("debugfs", "-R", "ls -l /mender", part), "device_type", "bootstrap.mender");
    const [type = ""] = built.deviceTypes;
    expectText("device_type", await ask("debugfs", "-R", "cat /mender/device_type", part), `device_type=${type}\n`);
  } finally {
    await rm(part, { force: true });
  }
  return `${kind}: ${label}, slots of ${(a.size * SECTOR) / 1024} KiB at ${a.start} and ${b.start}, data at ${data.start}`;
}

const cut = (from: string, to: string, { start, size }: { readonly start: number; readonly size: number }) =>
  ask("dd", `if=${from}`, `of=${to}`, `bs=${SECTOR}`, `skip=${start}`, `count=${size}`, "conv=sparse", "status=none");

/** Slot A must be the image of the root filesystem, byte for byte. */
async function expectSameBytes(rootfs: string, disk: string, offset: number): Promise<void> {
  const [one, two] = [await open(rootfs), await open(disk)];
  try {
    const [mine, other] = [Buffer.alloc(1024 * 1024), Buffer.alloc(1024 * 1024)];
    const { size } = await one.stat();
    for (let at = 0; at < size; at += mine.length) {
      const { bytesRead } = await one.read(mine, 0, mine.length, at);
      await two.read(other, 0, bytesRead, offset + at);
      if (!mine.subarray(0, bytesRead).equals(other.subarray(0, bytesRead)))
        throw new Error(`${disk}: slot A differs from ${rootfs} after byte ${at}`);
    }
  } finally {
    await one.close();
    await two.close();
  }
}
