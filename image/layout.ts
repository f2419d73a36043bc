import type { BoardProblem } from "./board/check.ts";
import type { BoardPartition, ImageBoard } from "./board/schema.ts";
import { shortIdFrom, uuidFrom } from "./identifiers.ts";

export const SECTOR = 512;
const DEFAULT_ALIGNMENT = 8 * 1024 * 1024;
const LINUX_GUID = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
const ESP_GUID = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
const BASIC_DATA_GUID = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7";
const SWAP_GUID = "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F";
/** GPT keeps its second table at the end of the disk. */
const GPT_END = 33 * SECTOR;
const GPT_START = 34 * SECTOR;
const DOS_PRIMARY = 4;

export type Filesystem = NonNullable<BoardPartition["filesystem"]>;

/** A partition with its place on the disk. */
export interface PlacedPartition extends BoardPartition {
  /** As the kernel counts. */
  readonly number: number;
  readonly startBytes: number;
  readonly filesystem: Filesystem;
  readonly label: string;
  readonly type: string;
  readonly partuuid: string;
  /** Identifier of the filesystem, in the form that its kind has. */
  readonly uuid: string;
  /** Device node on the board. */
  readonly node: string;
  /** Start of the boot record that links a logical partition, on a DOS disk with more than four partitions. */
  readonly linkBytes?: number;
}

export interface Layout {
  readonly label: "dos" | "gpt";
  readonly id: string;
  readonly sizeBytes: number;
  readonly partitions: readonly PlacedPartition[];
  /** The extended partition of a DOS disk, which contains the logical ones. */
  readonly extended?: { readonly startBytes: number; readonly sizeBytes: number };
}

/** Places the partitions of a board one after the other, in the order of the board file. */
export function layoutOf(board: ImageBoard): Layout & { readonly problem?: BoardProblem } {
  const { disk, partitions = [] } = board;
  if (disk === undefined) throw new Error(`${board.file} describes no disk`);
  const alignment = disk.alignment ?? DEFAULT_ALIGNMENT;
  const isSplit = disk.label === "dos" && partitions.length > DOS_PRIMARY;
  const placed: PlacedPartition[] = [];
  let at = disk.start ?? alignment;
  let extendedBytes = 0;
  for (const [index, partition] of partitions.entries()) {
    const isLogical = isSplit && index >= DOS_PRIMARY - 1;
    if (isLogical && extendedBytes === 0) extendedBytes = at;
    // A logical partition has its boot record in front.
    const startBytes = isLogical ? at + alignment : at;
    const number = index + (isLogical ? 2 : 1);
    placed.push({
      ...partition,
      ...namesOf(board, partition, number),
      number,
      startBytes,
      node: nodeOf(disk.device, number),
      ...(isLogical && { linkBytes: at }),
    });
    at = startBytes + partition.size;
  }
  const least = at + (disk.label === "gpt" ? GPT_END : 0);
  const sizeBytes = disk.size ?? Math.ceil(least / alignment) * alignment;
  const id = disk.id ?? (disk.label === "dos" ? shortIdFrom(board.name, "disk") : uuidFrom(board.name, "disk"));
  const layout = {
    label: disk.label,
    id: id.replace(/^0x/, ""),
    sizeBytes,
    partitions: placed,
    ...(isSplit && { extended: { startBytes: extendedBytes, sizeBytes: at - extendedBytes } }),
  };
  const problem = problemOf(board, layout, least, alignment);
  return problem === undefined ? layout : { ...layout, problem };
}

/** `/dev/mmcblk0p2`, `/dev/sda2`. */
const nodeOf = (device: string, number: number): string => `${prefixOf(device)}${number}`;

/** The text before the number of a partition. */
export const prefixOf = (device: string): string => (/\d$/.test(device) ? `${device}p` : device);

function namesOf(board: ImageBoard, partition: BoardPartition, number: number) {
  const { role } = partition;
  const isBoot = role === "boot" || role === "bootA" || role === "bootB";
  const defaults: Filesystem = isBoot ? "vfat" : role === "swap" ? "swap" : role === "extra" ? "none" : "ext4";
  const filesystem = partition.filesystem ?? defaults;
  const label = partition.label ?? (isBoot ? role.toUpperCase() : role === "extra" ? `extra${number}` : role);
  const seed = [board.name, "filesystem", String(number)];
  return {
    filesystem,
    label,
    type: partition.type ?? typeOf(board, filesystem, isBoot),
    partuuid: partition.partuuid ?? uuidFrom(board.name, "partition", String(number)),
    uuid: partition.uuid ?? (filesystem === "vfat" ? shortIdFrom(...seed) : uuidFrom(...seed)),
  };
}

function typeOf({ disk, bootloader }: ImageBoard, filesystem: Filesystem, isBoot: boolean): string {
  if (disk?.label === "dos") return filesystem === "swap" ? "82" : filesystem === "vfat" ? "c" : "83";
  if (filesystem === "swap") return SWAP_GUID;
  if (filesystem !== "vfat") return LINUX_GUID;
  return isBoot && bootloader.kind !== "rpi-tryboot" ? ESP_GUID : BASIC_DATA_GUID;
}

interface Region {
  readonly what: string;
  readonly path: readonly PropertyKey[];
  readonly start: number;
  readonly end: number;
}

function problemOf(board: ImageBoard, layout: Layout, least: number, alignment: number): BoardProblem | undefined {
  if (alignment === 0 || alignment % SECTOR !== 0) {
    return { path: ["disk", "alignment"], reason: `must be a multiple of ${SECTOR}` };
  }
  if (layout.sizeBytes < least) {
    return { path: ["disk", "size"], reason: `the partitions do not fit on the disk: they need ${least} bytes` };
  }
  if (layout.sizeBytes % SECTOR !== 0) return { path: ["disk", "size"], reason: `must be a multiple of ${SECTOR}` };
  const odd = layout.partitions.findIndex(({ size }) => size === 0 || size % alignment !== 0);
  if (odd >= 0)
    return { path: ["partitions", odd, "size"], reason: `must be a multiple of the alignment, ${alignment}` };
  if ((board.disk?.start ?? 0) % SECTOR !== 0)
    return { path: ["disk", "start"], reason: `must be a multiple of ${SECTOR}` };
  const regions = [...regionsOf(board, layout)].toSorted((a, b) => a.start - b.start);
  const clash = regions.findIndex(({ start }, index) => start < (regions[index - 1]?.end ?? 0));
  const [before, after] = [regions[clash - 1], regions[clash]];
  if (before === undefined || after === undefined) return undefined;
  const blamed = after.path.length > 0 ? after : before;
  const other = blamed === after ? before : after;
  return { path: blamed.path, reason: `${blamed.what} overlaps ${other.what}` };
}

/** Everything with a fixed place. Sizes of raw files are checked when they are copied. */
function* regionsOf({ bootloader, raw = [] }: ImageBoard, layout: Layout): Generator<Region> {
  const table = layout.label === "gpt" ? GPT_START : SECTOR;
  yield { what: "the partition table", path: [], start: 0, end: table };
  for (const [index, { startBytes, size, role }] of layout.partitions.entries()) {
    const path = ["partitions", index];
    yield { what: `the partition ${role}`, path, start: startBytes, end: startBytes + size };
  }
  for (const [index, { offset }] of raw.entries()) {
    yield { what: `the raw file at ${offset}`, path: ["raw", index, "offset"], start: offset, end: offset + 1 };
  }
  if (bootloader.kind !== "u-boot") return;
  const { offsets = [], size } = bootloader.environment;
  for (const [index, start] of offsets.entries()) {
    const path = ["bootloader", "environment", "offsets", index];
    yield { what: "the environment", path, start, end: start + size };
  }
}
