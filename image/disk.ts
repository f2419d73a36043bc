import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Board, partitionsOf } from "../qemu/image/board.ts";
import { uBootEnvironment } from "../qemu/image/u-boot.ts";
import { fillBootPartition } from "./boot-partition.ts";
import { makeExt4, makeVfat } from "./filesystems.ts";
import { run } from "./run.ts";

const MIB = 1024 * 1024;
const SECTORS_PER_MIB = 2048;
const DISK_ID = "5b5b5b5b";
const GUID = "5B5B5B5B-0000-4000-8000-00000000000";
const LINUX_GUID = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
const ESP_GUID = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";

/**
 * Writes a whole disk to `path`: boot loader, its environment, the system in slot A, an empty slot B and a fresh
 * data partition. Needs neither root nor loop devices; the same inputs give the same bytes.
 */
export async function makeDisk(board: Board, system: string, path: string): Promise<void> {
  const work = `${path}.parts`;
  await mkdir(work, { recursive: true });
  try {
    await writeFile(path, "");
    await truncate(path, board.disk.sizeMiB * MIB);
    await run(["sfdisk", "--quiet", path], { stdin: partitionTable(board) });
    const [boot, a, , data] = partitionsOf(board);
    await makeVfat(
      await folder(work, "boot", (tree) => fillBootPartition(board, tree)),
      join(work, "boot.img"),
      boot.sizeMiB,
      "BOOT",
    );
    await makeExt4(
      await folder(work, "data", (tree) => fillData(board, tree)),
      join(work, "data.img"),
      data.sizeMiB,
      "data",
    );
    await put(join(work, "boot.img"), path, boot.startMiB * MIB);
    await put(system, path, a.startMiB * MIB);
    await put(join(work, "data.img"), path, data.startMiB * MIB);
    const { bootloader } = board;
    if (bootloader.kind === "u-boot") {
      await writeFile(join(work, "environment"), await uBootEnvironment(bootloader));
      for (const offset of bootloader.environmentOffsets) await put(join(work, "environment"), path, offset);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What sfdisk reads. Types as Mender's images have them. */
function partitionTable(board: Board): string {
  const { label } = board.disk;
  const lines = partitionsOf(board).map(({ name, startMiB, sizeMiB }, index) => {
    const place = `start=${startMiB * SECTORS_PER_MIB}, size=${sizeMiB * SECTORS_PER_MIB}`;
    if (label === "dos") return `${place}, type=${name === "boot" ? "c, bootable" : "83"}`;
    return `${place}, type=${name === "boot" ? ESP_GUID : LINUX_GUID}, uuid=${GUID}${index + 1}`;
  });
  const id = label === "dos" ? `0x${DISK_ID}` : `${GUID}0`;
  return [`label: ${label}`, `label-id: ${id}`, "unit: sectors", ...lines, ""].join("\n");
}

async function folder(work: string, name: string, fill: (tree: string) => Promise<void>): Promise<string> {
  const tree = join(work, name);
  await mkdir(tree);
  await fill(tree);
  return tree;
}

async function fillData(board: Board, tree: string): Promise<void> {
  await mkdir(join(tree, "mender"), { mode: 0o700 });
  await writeFile(join(tree, "mender/device_type"), `device_type=${board.deviceType}\n`);
}

/** Copies `from` into `disk`, leaving holes where there are only zeros. */
async function put(from: string, disk: string, offset: number): Promise<void> {
  await run([
    "dd",
    `if=${from}`,
    `of=${disk}`,
    "bs=1M",
    `seek=${offset}`,
    "oflag=seek_bytes",
    "conv=notrunc,sparse",
    "status=none",
  ]);
}
