import { mkdir, rm, writeFile } from "node:fs/promises";
import { AgentError } from "../src/errors/agent-error.ts";
import { temporaryFor } from "../src/util/replace-file.ts";
import { bmapOf } from "./bmap.ts";
import type { BoardFileCopy, ImageBoard, Role } from "./board/schema.ts";
import { bmapPathOf, compress, compressionOf } from "./compress.ts";
import { type Contents, contentEntries, dataEntries, rootfsEntries } from "./contents.ts";
import { copyInto, copyRegion } from "./copy-image.ts";
import { DiskImage } from "./disk-image.ts";
import { environmentOf, type FillContext, fillSwap, type Put, prepareExt4, prepareVfat } from "./fill-partition.ts";
import { type Layout, layoutOf, type PlacedPartition } from "./layout.ts";
import type { MadeImage } from "./made-image.ts";
import { moveTo } from "./move-to.ts";
import { partitionOf, placeholders } from "./placeholders.ts";
import { IMAGE_TIME } from "./run.ts";
import { pathFrom } from "./source-files.ts";
import { kindOf, type Owner, type SourceKind } from "./tree/read-tree.ts";
import { makeUbi } from "./ubi/make-ubi.ts";
import { writePartitionTable } from "./write-partition-table.ts";

const DATA_MOUNT = "/data";

export interface ImageInputs {
  /** Folder, tar archive or filesystem image of the root filesystem. */
  readonly rootfs: string;
  /** The image; a suffix `.gz`, `.xz` or `.zst` compresses it. */
  readonly output: string;
  readonly owner?: Owner | undefined;
  /** Seconds since 1970, for everything without a time; later times of files become this one. */
  readonly time?: number | undefined;
  /** Whether to write a block map beside the image. */
  readonly bmap?: boolean;
  /** File to which the filesystem of slot A is written, too. */
  readonly rootfsOutput?: string | undefined;
  /** The bootstrap Artifact for the data partition. */
  readonly bootstrap?: Uint8Array | undefined;
  /** Files in addition to those of the board file, by the role of their partition. */
  readonly files?: FillContext["files"];
  /** Files that are added to the root filesystem; later ones replace earlier ones. */
  readonly rootfsFiles?: readonly BoardFileCopy[];
  readonly onWrite?: (bytes: number) => void;
  /**
   * Called when compressing begins. The result receives the number of bytes of the image, as they
   * are compressed.
   */
  readonly onCompress?: (sizeBytes: number) => (bytes: number) => void;
  readonly signal?: AbortSignal;
}

export interface CreatedImage {
  readonly sizeBytes: number;
  /** Of a disk; UBI has none. */
  readonly layout?: Layout;
  readonly output: string;
  readonly bmap?: string;
  readonly rootfsOutput?: string;
}

/**
 * Creates the image of a board. Neither root nor loop devices are needed, the memory does not grow with the image, and
 * the same inputs give the same bytes. After a failure there is no output file.
 *
 * @throws {AgentError} IMAGE_INPUT, IMAGE_SPACE, IMAGE_TOOL_MISSING, IMAGE_TOOL_FAILED, OUTPUT_FAILED
 */
export async function createImage(board: ImageBoard, inputs: ImageInputs): Promise<CreatedImage> {
  const { output, rootfsOutput, signal } = inputs;
  const rootfsKind = await kindOf(inputs.rootfs);
  const layout = board.disk === undefined ? undefined : layoutOf(board);
  const work = temporaryFor(output);
  const failed = (cause: unknown): never => {
    throw cause instanceof AgentError ? cause : new AgentError("OUTPUT_FAILED", { path: output }, cause);
  };
  await mkdir(work).catch(failed);
  try {
    const contents = contentsOf(board, layout, rootfsKind, inputs);
    const made =
      layout === undefined
        ? await makeUbi(contents, work, signal)
        : await makeDisk({ ...contents, layout, work, files: inputs.files ?? {} }, inputs);
    const how = compressionOf(output);
    const result = how === "none" ? made.image : `${work}/compressed`;
    if (how !== "none") {
      const onRead = inputs.onCompress?.(made.sizeBytes) ?? (() => undefined);
      await compress(made.image, result, how, onRead, signal);
    }
    signal?.throwIfAborted();
    const renames: [from: string, to: string][] = [];
    if (made.bmap !== undefined) renames.push([made.bmap, bmapPathOf(output)]);
    if (rootfsOutput !== undefined && made.rootfs !== undefined) renames.push([made.rootfs, rootfsOutput]);
    for (const [from, to] of [...renames, [result, output] as const]) await moveTo(from, to, `${work}/replaced`);
    return {
      sizeBytes: made.sizeBytes,
      output,
      ...(layout !== undefined && { layout }),
      ...(made.bmap !== undefined && { bmap: bmapPathOf(output) }),
      ...(rootfsOutput !== undefined && { rootfsOutput }),
    };
  } catch (error) {
    return failed(error);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function contentsOf(
  board: ImageBoard,
  layout: Layout | undefined,
  rootfsKind: SourceKind,
  { rootfs, owner = "auto", rootfsFiles = [], bootstrap, time }: ImageInputs,
): Contents {
  const dataMount = (layout && partitionOf(layout, "data")?.mount) ?? DATA_MOUNT;
  const fill = placeholders(board, layout);
  const times = { time: time ?? IMAGE_TIME, latest: time };
  return { board, rootfs, rootfsKind, owner, rootfsFiles, dataMount, bootstrap, fill, ...times };
}

async function makeDisk(
  parts: Omit<FillContext, "image">,
  { bmap, rootfsOutput, signal, onWrite }: ImageInputs,
): Promise<MadeImage> {
  const { layout, work } = parts;
  const image = await DiskImage.create(`${work}/disk`, layout.sizeBytes, onWrite);
  try {
    const context = { ...parts, image };
    await writePartitionTable(layout, image);
    await writeRaw(context);
    await fillPartitions(context, signal);
    await image.flush();
    if (bmap === true) await writeFile(`${work}/bmap`, await bmapOf(image));
    if (rootfsOutput !== undefined) await writeRootfs(layout, image, `${work}/rootfs`);
    return {
      image: image.path,
      sizeBytes: layout.sizeBytes,
      rootfs: `${work}/rootfs`,
      ...(bmap === true && { bmap: `${work}/bmap` }),
    };
  } finally {
    await image.close();
  }
}

/** U-Boot's environment, and the files with a place outside of the partitions. */
async function writeRaw({ board, image, layout }: FillContext): Promise<void> {
  const { bootloader, raw = [], folder } = board;
  const offsets = bootloader.kind === "u-boot" ? (bootloader.environment.offsets ?? []) : [];
  for (const offset of offsets) await image.write(environmentOf(board, offsets.length > 1), offset);
  const starts = [
    ...layout.partitions.map(({ startBytes }) => startBytes),
    ...offsets,
    ...raw.map(({ offset }) => offset),
  ];
  for (const { from, offset } of raw) {
    const next = Math.min(layout.sizeBytes, ...starts.filter((start) => start > offset));
    await copyInto(image, offset, pathFrom(folder, from), { room: next - offset, place: from });
  }
}

/** The programs that make file systems run while other partitions are put into the image, one after the other. */
async function fillPartitions(context: FillContext, signal: AbortSignal | undefined): Promise<void> {
  // Slot A comes first, because others may be copies of it.
  const order = (role: Role): number => (role === "rootfsA" ? 0 : 1);
  const partitions = context.layout.partitions.toSorted((a, b) => order(a.role) - order(b.role));
  const prepared = partitions.map((partition) => preparePartition(context, partition));
  // ignored: the loop reports a failure in its turn, unless an earlier failure ends it.
  const settled = Promise.all(prepared.map((put) => put.catch(() => undefined)));
  try {
    for (const put of prepared) {
      signal?.throwIfAborted();
      await (await put)();
    }
  } finally {
    // A program must not write into the folder of temporary files while that is removed.
    await settled;
  }
}

async function preparePartition(context: FillContext, partition: PlacedPartition): Promise<Put> {
  const { board, layout, image } = context;
  const { role, filesystem, content, startBytes, size } = partition;
  const source = role === "rootfsA" ? "rootfs" : content;
  if (source === "rootfs" && role !== "rootfsA") {
    const a = partitionOf(layout, "rootfsA");
    if (a === undefined || size < a.size)
      throw new AgentError("IMAGE_SPACE", { place: role, needs: a?.size ?? 0, has: size });
    return async () => {
      await image.flush();
      await copyRegion(image, a.startBytes, a.size, image, startBytes);
    };
  }
  if (source === "rootfs") {
    const entries = rootfsEntries(context);
    if (entries !== undefined) return await prepareExt4(context, partition, () => entries);
    return () => copyInto(image, startBytes, context.rootfs, { room: size, place: role });
  }
  const path = source === undefined ? undefined : pathFrom(board.folder, source);
  if (path !== undefined && (await kindOf(path)) === "image")
    return () => copyInto(image, startBytes, path, { room: size, place: role });
  if (filesystem === "swap") return () => fillSwap(context, partition);
  if (filesystem === "vfat") return await prepareVfat(context, partition);
  if (filesystem === "none" || role === "rootfsB") return async () => undefined;
  const entries = role === "data" ? dataEntries : contentEntries;
  return await prepareExt4(context, partition, () => entries(context, content));
}

async function writeRootfs(layout: Layout, image: DiskImage, path: string): Promise<void> {
  const a = partitionOf(layout, "rootfsA");
  if (a === undefined) return;
  const rootfs = await DiskImage.create(path, a.size);
  try {
    await copyRegion(image, a.startBytes, a.size, rootfs, 0);
    await rootfs.flush();
  } finally {
    await rootfs.close();
  }
}
