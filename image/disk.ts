import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeExt4, makeVfat } from "./filesystems.ts";
import { type DiskLayout, partitionsOf } from "./partitions.ts";
import { run } from "./run.ts";

const MIB = 1024 * 1024;
const SECTORS_PER_MIB = 2048;
const DISK_ID = "5b5b5b5b";
const GUID = "5B5B5B5B-0000-4000-8000-00000000000";
const LINUX_GUID = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
const ESP_GUID = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";

/** The content of a disk. */
export interface DiskContent {
  /** Fills a folder with the files of the boot partition. */
  fillBoot(tree: string): Promise<void>;
  /** Fills a folder with the files of the data partition. */
  fillData(tree: string): Promise<void>;
  /** Path of the filesystem image for slot A. */
  readonly system: string;
  /** Bytes outside the partitions, such as the environment of U-Boot. */
  readonly raw: readonly { readonly bytes: Uint8Array; readonly offset: number }[];
}

/**
 * Writes a whole disk to `path`: boot loader, its environment, the system in slot A, an empty slot B and a fresh data
 * partition. Needs neither root nor loop devices. The same inputs give the same bytes.
 */
export async function makeDisk(layout: DiskLayout, content: DiskContent, path: string): Promise<void> {
  const work = `${path}.parts`;
  await mkdir(work, { recursive: true });
  try {
    await writeFile(path, "");
    await truncate(path, layout.sizeMiB * MIB);
    await run(["sfdisk", "--quiet", path], { stdin: partitionTable(layout) });
    const [boot, a, , data] = partitionsOf(layout);
    await makeVfat(await folder(work, "boot", content.fillBoot), join(work, "boot.img"), boot.sizeMiB, "BOOT");
    await makeExt4(await folder(work, "data", content.fillData), join(work, "data.img"), data.sizeMiB, "data");
    await put(join(work, "boot.img"), path, boot.startMiB * MIB);
    await put(content.system, path, a.startMiB * MIB);
    await put(join(work, "data.img"), path, data.startMiB * MIB);
    for (const { bytes, offset } of content.raw) {
      await writeFile(join(work, "raw"), bytes);
      await put(join(work, "raw"), path, offset);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The input of sfdisk, with the partition types of Mender's images. */
function partitionTable(layout: DiskLayout): string {
  const lines = partitionsOf(layout).map(({ name, startMiB, sizeMiB }, index) => {
    const place = `start=${startMiB * SECTORS_PER_MIB}, size=${sizeMiB * SECTORS_PER_MIB}`;
    if (layout.label === "dos") return `${place}, type=${name === "boot" ? "c, bootable" : "83"}`;
    return `${place}, type=${name === "boot" ? ESP_GUID : LINUX_GUID}, uuid=${GUID}${index + 1}`;
  });
  const id = layout.label === "dos" ? `0x${DISK_ID}` : `${GUID}0`;
  return [`label: ${layout.label}`, `label-id: ${id}`, "unit: sectors", ...lines, ""].join("\n");
}

async function folder(work: string, name: string, fill: (tree: string) => Promise<void>): Promise<string> {
  const tree = join(work, name);
  await mkdir(tree);
  await fill(tree);
  return tree;
}

/** Copies `from` into `disk`, and leaves holes instead of zeros. */
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
