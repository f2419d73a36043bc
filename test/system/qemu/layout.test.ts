import { execFile } from "node:child_process";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hashOfFile } from "../../../image/cache.ts";
import { partitionOf } from "../../../image/placeholders.ts";
import { BOARD_NAMES, type Board, type BoardName, loadBoard } from "../../../qemu/image/board.ts";
import { makeBoardDisk } from "../../../qemu/image/board-disk.ts";
import { buildSystem } from "../../../qemu/image/system.ts";
import { SCENARIO_MS } from "./test-board.ts";

const execute = promisify(execFile);
const SECTORS_PER_MIB = 2048;
const MIB = 1024 * 1024;
const LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";

interface Table {
  readonly label: string;
  readonly partitions: readonly { readonly start: number; readonly size: number; readonly type: string }[];
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-layout-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe.each(BOARD_NAMES)("the disk of %s", (name) => {
  let board: Board;
  let disk: string;
  beforeAll(async () => {
    ({ board, disk } = await made(name, "one"));
  }, SCENARIO_MS);

  test("has boot, A, B and data at multiples of 8 MiB, with the types that Mender's images have", async () => {
    const { label, partitions } = await tableOf(disk);
    const types: Readonly<Record<BoardName, readonly string[]>> = {
      "vexpress-a9": ["c", "83", "83", "83"],
      "x86-64-grub": ["C12A7328-F81F-11D2-BA4B-00A0C93EC93B", LINUX, LINUX, LINUX],
    };
    const firstMiB: Readonly<Record<BoardName, number>> = { "vexpress-a9": 24, "x86-64-grub": 8 };
    expect(label).toBe(board.layout.label);
    expect(partitions.map(({ type }) => type)).toEqual(types[name]);
    expect(partitions[0]?.start).toBe(firstMiB[name] * SECTORS_PER_MIB);
    expect(partitions.map(({ start }) => start % (8 * SECTORS_PER_MIB))).toEqual([0, 0, 0, 0]);
    expect(partitions[1]?.size).toBe(partitions[2]?.size);
  });

  test("holds file systems that are clean", async () => {
    const { startBytes = 0, size = 0 } = partitionOf(board.layout, "data") ?? {};
    const path = join(folder, `${name}-data`);
    const part = [
      `if=${disk}`,
      `of=${path}`,
      "bs=1M",
      `skip=${startBytes / MIB}`,
      `count=${size / MIB}`,
      "status=none",
    ];
    await execute("dd", part);
    const { stdout } = await execute("e2fsck", ["-f", "-n", path]);
    expect(stdout).toMatch(/data: \d+\/\d+ files/);
  });

  test(
    "comes out the same, byte for byte, when it is built again",
    async () => {
      const again = await made(name, "two");
      expect(await hashOfFile(again.disk)).toBe(await hashOfFile(disk));
    },
    SCENARIO_MS,
  );
});

test(
  "U-Boot's environment lies twice where Mender's layout has it: either copy is enough",
  async () => {
    const { board, disk } = await made("vexpress-a9", "environment");
    const config = join(folder, "fw_env.config");
    await writeFile(config, `${disk} 0x800000 0x20000\n${disk} 0x1000000 0x20000\n`);
    const printed = async (): Promise<string> =>
      (await execute("fw_printenv", ["-c", config, "mender_boot_part", "upgrade_available", "bootlimit"])).stdout;
    const expected = "mender_boot_part=2\nupgrade_available=0\nbootlimit=1\n";
    expect(await printed()).toBe(expected);
    const image = await open(disk, "r+");
    try {
      const copy = Buffer.alloc(0x20000);
      await image.read(copy, 0, copy.length, 0x800000);
      await image.write(Buffer.alloc(copy.length), 0, copy.length, 0x800000);
      expect(await printed()).toBe(expected);
      await image.write(copy, 0, copy.length, 0x800000);
      await image.write(Buffer.alloc(copy.length), 0, copy.length, 0x1000000);
      expect(await printed()).toBe(expected);
    } finally {
      await image.close();
    }
    expect(board.image.bootloader).toMatchObject({ environment: { offsets: [0x800000, 0x1000000] } });
  },
  SCENARIO_MS,
);

async function made(name: BoardName, suffix: string): Promise<{ readonly board: Board; readonly disk: string }> {
  const board = await loadBoard(name);
  const disk = join(folder, `${name}-${suffix}.img`);
  await makeBoardDisk(board, await buildSystem(board, { version: "v1", agent: "dist" }), disk);
  return { board, disk };
}

async function tableOf(disk: string): Promise<Table> {
  const { stdout } = await execute("sfdisk", ["--json", disk]);
  return (JSON.parse(stdout) as { readonly partitiontable: Table }).partitiontable;
}
