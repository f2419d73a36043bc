import { AgentError, describeError } from "../../src/errors/agent-error.ts";
import { openImageFiles } from "../files/open-files.ts";
import type { PartitionTable } from "../table/table.ts";
import { findBootloader } from "./boot/find-bootloader.ts";
import { treeOf } from "./boot/grub.ts";
import { readConfiguration } from "./configuration.ts";
import type { Readable } from "./context.ts";
import type { Facts, Slots, SystemFacts } from "./facts.ts";
import { findSlots } from "./find-slots.ts";
import { parseFstab, partitionNamed } from "./mounts.ts";
import type { ReportedPartition, Role, RootSystem } from "./report.ts";
import { createSquashFiles } from "./squash-files.ts";
import { createSystemTree, type Mounted } from "./system-tree.ts";
import { DATASTORE, describeSystem, deviceTypeIn, isRoot, namedArtifact } from "./systems.ts";

/** An image whose partitions and file systems are known. */
export interface ScannedImage {
  readonly path: string;
  readonly size: number;
  readonly partitions: readonly ReportedPartition[];
  readonly table?: PartitionTable;
}

/** Looks into the file systems of an image. */
export async function collectFacts(image: ScannedImage, signal: AbortSignal): Promise<Facts> {
  const { readable, unreadable } = await openAll(image);
  const systems: RootSystem[] = [];
  let first: Readable | undefined;
  for (const each of readable) {
    try {
      const tree = treeOf(each, signal);
      if (!(await isRoot(tree))) continue;
      systems.push(await describeSystem(tree, each.partition.number));
      first ??= each;
    } catch (error) {
      // Damage in one file system must not hide the others.
      if (!(error instanceof AgentError) || error.code === "IMAGE_TOOL_MISSING") throw error;
      unreadable.set(each.partition.number, describeError(error));
    }
  }
  const usable = readable.filter(({ partition }) => !unreadable.has(partition.number));
  const system = first && (await systemFacts(first, image, usable, signal));
  const slots = system?.slots ?? findSlots(image.partitions, {}, new Set());
  const { path, size, partitions, table } = image;
  const context = {
    ...{ path, size, partitions, readable: usable, signal },
    ...(system && { tree: system.tree }),
    slots: { ...(slots.A && { A: slots.A.number }), ...(slots.B && { B: slots.B.number }) },
  };
  // A single file system can have the boot loader's tools and their configuration, but not its environment.
  const bootloader = table === undefined ? undefined : await findBootloader(context);
  const deviceType = system && (await deviceTypeIn(system.tree, system.configuration.text("DeviceTypeFile")));
  const artifact = system && (await namedArtifact(system.tree));
  return {
    ...{ path, size, unreadable, systems },
    kind: table === undefined ? "file system" : "disk",
    ...(table && { table: withoutPartitions(table) }),
    partitions: partitions.map((each) => withRole(each, slots, system, systems)),
    slots,
    ...(system && { system }),
    ...(bootloader && { bootloader }),
    ...(deviceType && { deviceType }),
    ...(artifact && { artifact }),
  };
}

async function openAll({ path, partitions }: ScannedImage): Promise<{
  readonly readable: readonly Readable[];
  readonly unreadable: Map<number, string>;
}> {
  const readable: Readable[] = [];
  for (const partition of partitions) {
    const { offset, size, fileSystem } = partition;
    if (fileSystem === undefined || !READABLE.test(fileSystem.type)) continue;
    const place = { path, offset, size };
    readable.push({
      partition,
      files: fileSystem.type === "squashfs" ? createSquashFiles(place) : await openImageFiles(place),
    });
  }
  return { readable, unreadable: new Map() };
}

const READABLE = /^(?:ext[234]|vfat|squashfs)$/;

async function systemFacts(
  root: Readable,
  { partitions }: ScannedImage,
  readable: readonly Readable[],
  signal: AbortSignal,
): Promise<SystemFacts> {
  const lines = parseFstab((await treeOf(root, signal).text("/etc/fstab")) ?? "");
  const written = lines.map((line) => ({ ...line, partition: partitionNamed(line.source, partitions) }));
  const guessed = written.some(({ folder }) => folder === DATA_FOLDER) ? undefined : labelledData(partitions);
  const fstab = guessed === undefined ? written : [...written, { ...BY_SCRIPT, partition: guessed }];
  const mounts = new Map<string, Mounted>([["/", { files: root.files, partition: root.partition.number }]]);
  for (const { folder, partition } of fstab) {
    const found = readable.find((each) => each.partition === partition);
    if (found !== undefined && folder !== "/")
      mounts.set(folder, { files: found.files, partition: found.partition.number });
  }
  const tree = createSystemTree(mounts, signal);
  const configuration = await readConfiguration(tree);
  const others = new Set(fstab.flatMap(({ folder, partition }) => (folder === "/" ? [] : (partition?.number ?? []))));
  const named = { A: configuration.text("RootfsPartA"), B: configuration.text("RootfsPartB") };
  const datastore = await tree.find(DATASTORE);
  const isApart = datastore !== undefined && datastore.partition !== root.partition.number;
  return {
    ...{ tree, configuration, fstab: written },
    ...(guessed !== undefined && { guessed }),
    slots: findSlots(partitions, named, others),
    ...(isApart && { data: datastore.partition }),
    ...(datastore !== undefined && { datastore: datastore.whole }),
  };
}

const DATA_FOLDER = "/data";
/** A mount that fstab does not have. */
const BY_SCRIPT = { source: "", folder: DATA_FOLDER, type: "auto", options: [] };

/** A system without systemd may mount its partitions in a script. */
const labelledData = (partitions: readonly ReportedPartition[]): ReportedPartition | undefined =>
  partitions.find(({ name, fileSystem }) => (fileSystem?.label ?? name) === "data");

const withoutPartitions = ({ partitions: _, ...table }: PartitionTable): Omit<PartitionTable, "partitions"> => table;

function withRole(
  partition: ReportedPartition,
  { A, B }: Slots,
  system: SystemFacts | undefined,
  systems: readonly RootSystem[],
): ReportedPartition {
  const { number, fileSystem } = partition;
  const role = ((): Role | undefined => {
    if (number === A?.number) return "A";
    if (number === B?.number) return "B";
    if (number === system?.data) return "data";
    if (fileSystem?.type === "swap") return "swap";
    if (systems.some((each) => each.partition === number)) return "root";
    return fileSystem?.type === "vfat" && number !== 0 ? "boot" : undefined;
  })();
  return { ...partition, ...(role && { role }) };
}
