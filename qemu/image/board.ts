import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import { parseImageBoard } from "../../image/board/load.ts";
import type { ImageBoard } from "../../image/board/schema.ts";
import { type Layout, layoutOf, prefixOf } from "../../image/layout.ts";
import { partitionOf } from "../../image/placeholders.ts";
import { type Hardware, hardwareOf, MachineSchema } from "../board/hardware.ts";

/** Folder with the board files and the files that they name. */
export const BOARDS = "qemu/boards";
export const BOARD_NAMES = ["vexpress-a9", "x86-64-grub"] as const;
export type BoardName = (typeof BOARD_NAMES)[number];

const count = z.int().check(z.positive());
const names = z.array(z.string().check(z.minLength(1)));
const suite = z.enum(["bookworm", "trixie"]);

const UBoot = z.strictObject({
  /** Debian's source package, and its release. */
  source: z.string(),
  suite,
  defconfig: z.string(),
  crossCompile: z.string(),
  /** Fragment to merge over the default configuration. */
  config: z.string(),
});

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

/** The part of a board file that `switchback image create` does not read. */
const QemuSchema = z.strictObject({
  /** Debian's name for it. */
  architecture: z.enum(["armhf", "amd64"]),
  machine: MachineSchema,
  /** How to build U-Boot, if the board has it. */
  uBoot: z.optional(UBoot),
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
type Qemu = z.infer<typeof QemuSchema>;
export type UBootBoard = z.infer<typeof UBoot>;
export type CompiledKernelBoard = z.infer<typeof CompiledKernel>;
/** A board with one of its kernels. */
export interface Board extends Readonly<Omit<Qemu, "kernels" | "machine">> {
  readonly hardware: Hardware;
  readonly name: string;
  readonly deviceType: string;
  /** The kernel's argument `console=`. */
  readonly console: string;
  /** The text before a partition's number. */
  readonly partitionPrefix: string;
  readonly bootMount: string;
  readonly layout: Layout;
  readonly image: ImageBoard;
  readonly kernel: Qemu["kernels"][string];
}

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
  const image = parseImageBoard(text, path);
  const parsed = QemuSchema.safeParse(image.qemu);
  if (!parsed.success) throw new Error(`${path}: qemu:\n${z.prettifyError(parsed.error)}`);
  const { kernels, machine, ...qemu } = parsed.data;
  const known = Object.keys(kernels);
  const kernel = kernels[kernelName ?? known[0] ?? ""];
  if (kernel === undefined) throw new Error(`${path}: no kernel ${kernelName ?? "at all"}; it has ${known.join(", ")}`);
  const layout = layoutOf(image);
  const { architecture } = qemu;
  return {
    ...qemu,
    hardware: hardwareOf({ architecture, machine, diskNode: image.disk?.device, folder: image.folder }),
    name: image.name,
    deviceType: image.deviceType,
    console: image.console ?? "",
    partitionPrefix: prefixOf(image.disk?.device ?? ""),
    bootMount: partitionOf(layout, "boot")?.mount ?? "",
    layout,
    image,
    kernel,
  };
}
