import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { AgentError } from "../src/errors/agent-error.ts";
import { temporaryFor } from "../src/util/replace-file.ts";
import { bmapOf } from "./bmap.ts";
import type { BoardFileCopy, ImageBoard, Role } from "./board/schema.ts";
import { bmapPathOf, compress, compressionOf } from "./compress.ts";
import { copyInto, copyRegion } from "./copy-image.ts";
import { DiskImage } from "./disk-image.ts";
import { contentEntries, environmentOf, type FillContext, fillExt4, fillSwap, fillVfat } from "./fill-partition.ts";
import { firstBootEntries } from "./first-boot.ts";
import { type Layout, layoutOf, type PlacedPartition } from "./layout.ts";
import { partitionOf, placeholders } from "./placeholders.ts";
import { IMAGE_TIME } from "./run.ts";
import { pathFrom, sourceEntries } from "./source-files.ts";
import { ownEntry, type TreeEntry } from "./tree/entry.ts";
import { kindOf, type Owner, readTree, type SourceKind } from "./tree/read-tree.ts";
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
  readonly onCompress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

export interface CreatedImage {
  readonly layout: Layout;
  readonly output: string;
  readonly bmap?: string;
  readonly rootfsOutput?: string;
}

/**
 * Creates the image of a board. Neither root nor loop devices are needed, the memory does not grow with the image, and
 * the same inputs give the same bytes. After a failure there is no output file.
 *
 * @throws {AgentError} IMAGE_INPUT, IMAGE_SPACE, IMAGE_TOOL_FAILED, OUTPUT_FAILED
 */
export async function createImage(board: ImageBoard, inputs: ImageInputs): Promise<CreatedImage> {
  const { output, rootfsOutput, signal } = inputs;
  const kind = await kindOf(inputs.rootfs);
  const layout = layoutOf(board);
  const work = temporaryFor(output);
  const failed = (cause: unknown): never => {
    throw cause instanceof AgentError ? cause : new AgentError("OUTPUT_FAILED", { path: output }, cause);
  };
  await mkdir(work).catch(failed);
  try {
    const image = await DiskImage.create(`${work}/disk`, layout.sizeBytes, inputs.onWrite);
    try {
      await fillImage(board, layout, image, { work, kind, inputs });
      const ready: [from: string, to: string][] = [];
      if (inputs.bmap === true) {
        await writeFile(`${work}/bmap`, await bmapOf(image));
        ready.push([`${work}/bmap`, bmapPathOf(output)]);
      }
      if (rootfsOutput !== undefined) {
        await writeRootfs(layout, image, `${work}/rootfs`);
        ready.push([`${work}/rootfs`, rootfsOutput]);
      }
      await image.flush();
      const how = compressionOf(output);
      const result = how === "none" ? image.path : `${work}/compressed`;
      if (how !== "none") await compress(image.path, result, how, inputs.onCompress ?? (() => undefined), signal);
      signal?.throwIfAborted();
      for (const [from, to] of [...ready, [result, output] as const]) await rename(from, to);
    } finally {
      await image.close();
    }
  } catch (error) {
    failed(error);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return {
    layout,
    output,
    ...(inputs.bmap === true && { bmap: bmapPathOf(output) }),
    ...(rootfsOutput !== undefined && { rootfsOutput }),
  };
}

interface Filling {
  readonly work: string;
  readonly kind: SourceKind;
  readonly inputs: ImageInputs;
}

async function fillImage(board: ImageBoard, layout: Layout, image: DiskImage, filling: Filling): Promise<void> {
  const { time = IMAGE_TIME, files = {}, signal } = filling.inputs;
  const context = { board, layout, image, work: filling.work, time, files, fill: placeholders(board, layout) };
  await writePartitionTable(layout, image);
  await writeRaw(context);
  // Slot A comes first, because others may be copies of it.
  const order = (role: Role): number => (role === "rootfsA" ? 0 : 1);
  for (const partition of layout.partitions.toSorted((a, b) => order(a.role) - order(b.role))) {
    signal?.throwIfAborted();
    await fillPartition(context, partition, filling);
  }
  await image.flush();
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

async function fillPartition(context: FillContext, partition: PlacedPartition, filling: Filling): Promise<void> {
  const { board, layout, image } = context;
  const { role, filesystem, content, startBytes, size } = partition;
  const source = role === "rootfsA" ? "rootfs" : content;
  if (source === "rootfs" && role !== "rootfsA") {
    const a = partitionOf(layout, "rootfsA");
    if (a === undefined || size < a.size)
      throw new AgentError("IMAGE_SPACE", { place: role, needs: a?.size ?? 0, has: size });
    await image.flush();
    return await copyRegion(image, a.startBytes, a.size, image, startBytes);
  }
  if (source === "rootfs") return await fillRootfs(context, partition, filling);
  const path = source === undefined ? undefined : pathFrom(board.folder, source);
  if (path !== undefined && (await kindOf(path)) === "image")
    return await copyInto(image, startBytes, path, { room: size, place: role });
  if (filesystem === "swap") return await fillSwap(context, partition);
  if (filesystem === "vfat") return await fillVfat(context, partition);
  if (filesystem === "none" || role === "rootfsB") return;
  await fillExt4(
    context,
    partition,
    role === "data" ? dataEntries(context, content, filling) : contentEntries(context, content),
  );
}

async function fillRootfs(context: FillContext, partition: PlacedPartition, { kind, inputs }: Filling): Promise<void> {
  const { board, layout, image, time, fill } = context;
  const { owner = "auto", rootfs, rootfsFiles = [] } = inputs;
  const added = [...(board.rootfs?.files ?? []), ...rootfsFiles];
  const mount = partitionOf(layout, "data")?.mount ?? DATA_MOUNT;
  const first = [...firstBootEntries(board, mount, time)];
  if (kind === "image") {
    if (added.length + first.length > 0) {
      const reason = "rootfs and firstBoot of the board file add files to it: give a folder or a tar archive";
      throw new AgentError("IMAGE_INPUT", { path: rootfs, reason });
    }
    return await copyInto(image, partition.startBytes, rootfs, { room: partition.size, place: partition.role });
  }
  const latest = inputs.time;
  async function* entries(): AsyncGenerator<TreeEntry> {
    if (kind !== "image") yield* readTree(rootfs, kind, { owner, latest });
    yield* first;
    yield* sourceEntries({ files: added, folder: board.folder, fill, time });
  }
  await fillExt4(context, partition, entries());
}

/** What a device expects on its data partition: the datastore, with its type and what it runs. */
async function* dataEntries(
  context: FillContext,
  content: string | undefined,
  { inputs }: Filling,
): AsyncGenerator<TreeEntry> {
  const { board, time } = context;
  const datastore = ownEntry("mender", "folder", time, { mode: 0o700 });
  yield datastore;
  const type = Buffer.from(`device_type=${board.deviceType}\n`);
  yield ownEntry("mender/device_type", "file", time, { bytes: type });
  if (inputs.bootstrap !== undefined) {
    yield ownEntry("mender/bootstrap.mender", "file", time, { bytes: inputs.bootstrap, mode: 0o400 });
  }
  yield* contentEntries(context, content);
  // The content may have the folder with other permissions.
  yield datastore;
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
