import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { load } from "js-yaml";
import * as z from "zod/mini";
import { lastByteMiB, sizesMiB } from "../../image/partitions.ts";

/** Folder with the board files and the files that they name. */
export const BOARDS = "qemu/boards";
export const BOARD_NAMES = ["vexpress-a9", "x86-64-grub"] as const;
export type BoardName = (typeof BOARD_NAMES)[number];

const count = z.int().check(z.positive());
const names = z.array(z.string().check(z.minLength(1)));
const suite = z.enum(["bookworm", "trixie"]);

const UBoot = z.strictObject({
  kind: z.literal("u-boot"),
  /** Debian's source package, and its release. */
  source: z.string(),
  suite,
  defconfig: z.string(),
  crossCompile: z.string(),
  /** Fragment to merge over the default configuration. */
  config: z.string(),
  /** Variables of a new board, and U-Boot's defaults. */
  environment: z.string(),
  environmentBytes: count,
  environmentOffsets: z.array(count).check(z.length(2)),
});

const Grub = z.strictObject({ kind: z.literal("grub"), script: z.string() });

/**
 * One of Debian's kernels, and the modules that the initramfs loads in this order, together with their dependencies.
 */
const PackagedKernel = z.strictObject({ kind: z.literal("packaged"), suite, package: z.string(), modules: names });

/** A kernel without modules, compiled from Debian's source package. */
const CompiledKernel = z.strictObject({
  kind: z.literal("compiled"),
  suite,
  package: z.string(),
  /** The options that are not off. */
  config: z.string(),
  crossCompile: z.string(),
});

const DeviceTree = z.strictObject({
  /** As named in the kernel's sources. */
  file: z.string(),
  virtioSlots: z.strictObject({ base: count, step: count, interrupt: count, count }),
});

const BoardSchema = z.strictObject({
  name: z.enum(BOARD_NAMES),
  deviceType: z.string(),
  /** Debian's name for it. */
  architecture: z.enum(["armhf", "amd64"]),
  /** The kernel's argument `console=`. */
  console: z.string(),
  machine: z.strictObject({
    program: z.string(),
    memoryMiB: count,
    arguments: names,
    /** Options of `-drive` besides file, format and cache. */
    disk: names,
    diskDevice: z.optional(z.string()),
    network: z.string(),
    /** Options of QEMU's translator, used when the host's processor does not run the guest. */
    translator: z.optional(z.string()),
    firmware: z.optional(z.strictObject({ code: z.string(), variables: z.string() })),
  }),
  disk: z
    .strictObject({
      label: z.enum(["dos", "gpt"]),
      sizeMiB: count,
      alignmentMiB: count,
      firstPartitionMiB: count,
      /** The disk in the running system, and the text before a partition's number. */
      device: z.string(),
      partitionPrefix: z.string(),
      bootMiB: count,
      bootMount: z.string(),
      rootfsMiB: count,
      dataMiB: count,
    })
    .check(z.refine((disk) => lastByteMiB(disk) <= disk.sizeMiB, "the partitions do not fit on the disk"))
    .check(
      z.refine(
        (disk) => sizesMiB(disk).every((size) => size % disk.alignmentMiB === 0),
        "a partition is not a multiple of alignmentMiB",
      ),
    ),
  bootloader: z.discriminatedUnion("kind", [UBoot, Grub]),
  deviceTree: z.optional(DeviceTree),
  /** By name; the first one is the default. */
  kernels: z.record(z.string(), z.discriminatedUnion("kind", [PackagedKernel, CompiledKernel])),
  rootfs: z.strictObject({
    suite,
    /** Compression of the squashfs; the boot loader must support it, because the squashfs contains the kernel. */
    compression: z.enum(["gzip", "zstd"]),
    packages: names,
    leaveOut: names,
    /** Packages from which only these paths are unpacked. */
    only: z.optional(z.record(z.string(), names)),
  }),
});
type BoardFile = z.infer<typeof BoardSchema>;
export type UBootBoard = z.infer<typeof UBoot>;
export type CompiledKernelBoard = z.infer<typeof CompiledKernel>;
/** A board with one of its kernels. */
export type Board = Readonly<Omit<BoardFile, "kernels"> & { kernel: BoardFile["kernels"][string] }>;

export const isBoardName = (name: string): name is BoardName => BOARD_NAMES.some((known) => known === name);

/**
 * Reads a board file.
 *
 * @param kernel name of one of its kernels
 * @throws {Error} that names the file, the place in it and the problem
 */
export async function loadBoard(name: BoardName, kernel?: string, folder = BOARDS): Promise<Board> {
  const path = join(folder, `${name}.yaml`);
  return parseBoard(await readFile(path, "utf8"), path, kernel);
}

export function parseBoard(text: string, path: string, kernelName?: string): Board {
  let value: unknown;
  try {
    value = load(text);
  } catch (cause) {
    throw new Error(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  const parsed = BoardSchema.safeParse(value);
  if (!parsed.success) throw new Error(`${path}:\n${z.prettifyError(parsed.error)}`);
  const { kernels, ...board } = parsed.data;
  const known = Object.keys(kernels);
  const kernel = kernels[kernelName ?? known[0] ?? ""];
  if (kernel === undefined) throw new Error(`${path}: no kernel ${kernelName ?? "at all"}; it has ${known.join(", ")}`);
  return { ...board, kernel };
}
