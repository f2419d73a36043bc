import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { changeAutoboot } from "../adapters/bootloader/rpi-tryboot/autoboot.ts";
import { readSmallFile } from "../src/util/small-file.ts";
import type { BoardFileCopy, ImageBoard, Role } from "./board/schema.ts";
import type { Contents } from "./contents.ts";
import { copyInto } from "./copy-image.ts";
import type { DiskImage } from "./disk-image.ts";
import { makeEmptyExt4 } from "./ext4/empty.ts";
import { writeExt4 } from "./ext4/write-ext4.ts";
import { makeVfat } from "./filesystems.ts";
import { fillGrubPartition } from "./grub-partition.ts";
import { type Layout, type PlacedPartition, prefixOf } from "./layout.ts";
import { partitionOf } from "./placeholders.ts";
import { run } from "./run.ts";
import { copySources, pathFrom, type SourceFiles, sourceEntries } from "./source-files.ts";
import { swapHeader } from "./swap.ts";
import type { TreeEntry } from "./tree/entry.ts";
import { kindOf } from "./tree/read-tree.ts";
import { uBootEnvironment } from "./uboot-environment.ts";

/** Everything that the contents of partitions are made from. */
export interface FillContext extends Contents {
  readonly layout: Layout;
  readonly image: DiskImage;
  /** Folder for temporary files. */
  readonly work: string;
  /** Files in addition to those of the board file, by the role of the partition. Their paths are absolute. */
  readonly files: Partial<Readonly<Record<Role, readonly BoardFileCopy[]>>>;
}

/** Puts something into the image that was prepared while something else was put there. */
export type Put = () => Promise<void>;

/** A filesystem that the image tool makes itself, with what else belongs into it. */
export async function prepareExt4(
  context: FillContext,
  partition: PlacedPartition,
  before: () => AsyncIterable<TreeEntry> | Iterable<TreeEntry>,
): Promise<Put> {
  const { image, time, work } = context;
  const { size, label, uuid, startBytes, role, number } = partition;
  async function* entries(): AsyncGenerator<TreeEntry> {
    yield* before();
    yield* sourceEntries(sourcesOf(context, partition));
  }
  const options = { sizeBytes: size, label: label.slice(0, 16), uuid, time, place: role };
  const empty = join(work, `ext${number}`);
  await makeEmptyExt4(empty, options);
  return () => writeExt4(image, startBytes, entries(), options, empty);
}

export async function prepareVfat(context: FillContext, partition: PlacedPartition): Promise<Put> {
  const { board, image, work, time } = context;
  const tree = join(work, `tree${partition.number}`);
  const path = join(work, `fat${partition.number}`);
  await mkdir(tree);
  if (partition.content !== undefined) await unpackInto(tree, pathFrom(board.folder, partition.content));
  if (partition.role === "boot") await fillBoot(context, tree);
  await copySources(tree, sourcesOf(context, partition));
  if (partition.role === "boot" && board.bootloader.kind === "rpi-tryboot") await writeAutoboot(context, tree);
  const { size, label, uuid } = partition;
  await makeVfat(tree, path, { sizeBytes: size, label, volumeId: uuid.replace("-", ""), time });
  return () => copyInto(image, partition.startBytes, path, { room: size, place: partition.role, endIsFree: true });
}

async function unpackInto(tree: string, path: string): Promise<void> {
  const kind = await kindOf(path);
  if (kind === "folder") await run(["cp", "-rL", `${path}/.`, tree]);
  else await run(["tar", "-x", "--no-same-owner", "-C", tree, "-f", path]);
}

async function fillBoot({ board, layout }: FillContext, tree: string): Promise<void> {
  const { bootloader, disk, folder } = board;
  if (bootloader.kind === "grub") {
    await fillGrubPartition(tree, {
      script: readSmallFile(pathFrom(folder, bootloader.script)),
      target: bootloader.target,
      modules: bootloader.modules,
      disk: prefixOf(disk?.device ?? ""),
      console: board.console ?? "",
      slotA: partitionOf(layout, "rootfsA")?.number ?? 0,
    });
  }
  if (bootloader.kind !== "u-boot") return;
  const { files = [] } = bootloader.environment;
  for (const name of files) await writeFile(join(tree, name), environmentOf(board, files.length > 1));
}

/** One copy of U-Boot's environment. */
export function environmentOf({ bootloader, folder }: ImageBoard, isRedundant: boolean): Buffer {
  if (bootloader.kind !== "u-boot") throw new Error(`${bootloader.kind} has no environment of U-Boot`);
  const { variables, size } = bootloader.environment;
  const path = pathFrom(folder, variables);
  return uBootEnvironment(readSmallFile(path), path, size, isRedundant);
}

/** The firmware starts slot A, and slot B for a trial. Lines of a file that the board file adds stay. */
async function writeAutoboot({ layout }: FillContext, tree: string): Promise<void> {
  const path = join(tree, "autoboot.txt");
  const given = await readFile(path, "utf8").catch(() => ""); // ignored: the board file adds none.
  const [a, b] = [partitionOf(layout, "bootA")?.number ?? 0, partitionOf(layout, "bootB")?.number ?? 0];
  await writeFile(path, changeAutoboot(given, { usual: a }, b));
}

export function fillSwap({ image }: FillContext, { startBytes, size, uuid, label }: PlacedPartition): Promise<void> {
  return image.write(swapHeader(size, uuid, label), startBytes);
}

function sourcesOf({ board, files, fill, time }: FillContext, { role, files: own = [] }: PlacedPartition): SourceFiles {
  return { files: [...own, ...(files[role] ?? [])], folder: board.folder, fill, time };
}
