import { constants } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { cached, exists } from "../../image/cache.ts";
import type { Hardware } from "../board/hardware.ts";
import { type Board, type BoardName, loadBoard } from "../image/board.ts";
import { makeBoardDisk } from "../image/board-disk.ts";
import { BOARD_BUILDERS } from "../image/builders.ts";
import { buildSystem, type SystemFiles } from "../image/system.ts";
import { buildUBoot } from "../image/u-boot.ts";
import { Machine, type MachineOptions } from "./machine.ts";

export interface BenchOptions {
  /** Name of one of the board's kernels; default: the first. */
  readonly kernel?: string | undefined;
  /** Files that are added to the system or replace its own. */
  readonly files?: SystemFiles;
  /** See `MachineOptions`. */
  readonly processor?: number;
}

/** The kernel of each board that takes the least processor time under emulation. */
export const FASTEST_KERNEL: Readonly<Record<BoardName, string>> = {
  "vexpress-a9": "small",
  "x86-64-grub": "packaged",
};

/** The parts of a board, in the cache. */
interface BoardParts {
  readonly board: Board;
  /** The whole disk of a new board. */
  readonly disk: string;
  readonly kernel: string | undefined;
}

/** Downloads and builds what is missing in the cache, which takes minutes the first time. */
export async function buildBoard(name: BoardName, options: BenchOptions = {}): Promise<BoardParts> {
  const board = await loadBoard(name, options.kernel);
  const system = await buildSystem(board, { version: "v1", agent: "dist", files: options.files ?? {} });
  const kernel = board.uBoot === undefined ? undefined : join(await buildUBoot(board.uBoot), "u-boot");
  const image = await cached(`disk-${name}`, [system, kernel ?? "", JSON.stringify(board)], BOARD_BUILDERS, (folder) =>
    makeBoardDisk(board, system, join(folder, "disk.img")),
  );
  return { board, disk: join(image, "disk.img"), kernel };
}

/** A board on the bench: its disk, and the machine while the power is on. */
export class Bench {
  readonly board: Board;
  readonly disk: string;
  readonly folder: string;
  readonly processor: number;
  readonly #original: string;
  readonly #kernel: string | undefined;
  #machine: Machine | undefined;

  private constructor({ board, disk, kernel }: BoardParts, folder: string, processor: number) {
    this.board = board;
    this.folder = folder;
    this.disk = join(folder, "disk.img");
    this.processor = processor;
    this.#original = disk;
    this.#kernel = kernel;
  }

  /** Opens the board in `folder`, or creates a new one with version `v1` in slot A. The power is off. */
  static async set(name: BoardName, folder: string, options: BenchOptions = {}): Promise<Bench> {
    const parts = await buildBoard(name, options);
    await mkdir(folder, { recursive: true });
    const bench = new Bench(parts, folder, options.processor ?? 0);
    if (!(await exists(bench.disk))) await bench.copyDisk(bench.disk);
    return bench;
  }

  /** Writes the disk of a new board to `path`. */
  async copyDisk(path: string): Promise<void> {
    await copyFile(this.#original, path, constants.COPYFILE_FICLONE);
  }

  /** The machine that the disk belongs to, with the board's own U-Boot. */
  get hardware(): Hardware {
    return { ...this.board.hardware, kernel: this.#kernel };
  }

  async powerOn(options: Pick<MachineOptions, "kvm" | "clock"> = {}): Promise<Machine> {
    const { hardware, disk, folder } = this;
    this.#machine = await Machine.start({ hardware, disk, folder, processor: this.processor, ...options });
    return this.#machine;
  }

  async powerOff(): Promise<void> {
    await this.#machine?.cutPower();
    this.#machine = undefined;
  }
}
