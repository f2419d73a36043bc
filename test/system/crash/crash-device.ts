import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import type { Random } from "../../../qemu/harness/random.ts";
import { type BuiltProgram, type Ended, startProgram } from "../../support/built-program.ts";
import { cli, MEMORY_FOLDER, TestBoard } from "../../support/test-board.ts";
import { bootsWhatItNames, bootToRest } from "./power-on.ts";
import { type Decision, IMAGE_KIB, type Kind } from "./scenarios.ts";
import { DiskReader, type Loss, losePower } from "./volatile.ts";
import { type Instant, type Watched, type WatchOptions, watchedRun } from "./watched-run.ts";

const OLD = "v1";
const NEW = "v2";
const FURTHER = "v3";
/** Files from which a power cut may take something. */
const ON_DISK = ["slots/rootfs2", "slots/rootfs3", "boot/env", "data/switchback-store"];
const copy = promisify(execFile);
const copyEntries = (from: string, to: string, names: readonly string[]) =>
  copy("cp", ["-a", ...names.map((name) => join(from, name)), to]);
const LOG_LINE = /^(?:info|warning): /;

/** How the power is cut: at a named instant of one of the update's commands, or when a signal aborts. */
export type Cut = { readonly command: number; readonly at: Instant } | { readonly power: AbortSignal };

type Result = Pick<Ended, "exitCode" | "err">;
type Where = Pick<WatchOptions, "at" | "power">;

/** `resumed`: the update survived the cut. `rolledBack`: the device runs its previous software again. */
export interface Recovery {
  readonly fate: "resumed" | "rolledBack";
  /** The update's state on disk at the cut. */
  readonly state: string;
  readonly loss: Loss;
  /** Only for deployments: final statuses that reached the server, and how many requests it answered badly. */
  readonly told?: { readonly finals: number; readonly requests: number; readonly troubles: number };
}

export interface CrashOptions {
  /** Writes the Artifact to the agent's standard input and ends it. Without it, the agent reads the file. */
  readonly feed?: (stdin: NodeJS.WritableStream, artifact: Buffer) => Promise<void>;
  /**
   * Recovers from the cut in this process, which takes a tenth of the time. A kind with environment variables still
   * needs processes that have them.
   */
  readonly recoversHere?: boolean;
}

/**
 * A virtual board on which the built program makes one update, the power is cut, and the test checks everything. Unless
 * the options say otherwise, the built program also recovers from the cut: as the board's init, and with the commit or
 * rollback that follows.
 */
export class CrashDevice {
  readonly board: TestBoard;
  readonly #program: BuiltProgram;
  readonly #kind: Kind;
  readonly #options: CrashOptions;
  readonly #disk: DiskReader;
  #kills = 0;
  /** Path of each released Artifact. */
  readonly #released = new Map<string, string>();

  static async make(program: BuiltProgram, kind: Kind, options: CrashOptions = {}): Promise<CrashDevice> {
    const board = await TestBoard.make({ slotKib: IMAGE_KIB, imageKib: IMAGE_KIB, parent: MEMORY_FOLDER });
    await board.image(OLD, "yes", IMAGE_KIB);
    await kind.setUp(board);
    const device = new CrashDevice(program, kind, board, options);
    for (const version of [FURTHER, NEW]) device.#released.set(version, await kind.release(board, version));
    return device;
  }

  private constructor(program: BuiltProgram, kind: Kind, board: TestBoard, options: CrashOptions) {
    this.board = board;
    this.#program = program;
    this.#kind = kind;
    this.#options = options;
    this.#disk = new DiskReader(ON_DISK.map((path) => board.path(path)));
  }

  /** How many runs of the program were killed. The other cuts came when it had already ended. */
  get kills(): number {
    return this.#kills;
  }

  async remove(): Promise<void> {
    await rm(this.#saved(), { recursive: true, force: true });
    await this.board.remove();
  }

  /** Where the copies of the board are. */
  #saved(command: number | "" = ""): string {
    return join(`${this.board.folder}-before`, String(command));
  }

  /** The commands of an update to v2. */
  commands(decision: Decision): readonly (readonly string[])[] {
    const { options, dir } = this.board;
    const boot = ["board", "boot", dir];
    const install = this.#options.feed === undefined ? this.board.file(`${NEW}.mender`) : "-";
    return [
      [...options, "install", install],
      ...(this.#kind.reboots ? [boot] : []),
      [...options, decision],
      ...(this.#kind.reboots && decision === "rollback" ? [boot] : []),
    ];
  }

  /**
   * Makes the whole update without a cut, and keeps a copy of the board from before each command.
   *
   * @returns the system calls of each command
   */
  async rehearse(decision: Decision, where: Where = {}): Promise<readonly Watched[]> {
    const runs: Watched[] = [];
    for (const [index, argv] of this.commands(decision).entries()) {
      await mkdir(this.#saved(index), { recursive: true });
      await copyEntries(this.board.folder, this.#saved(index), await this.#changeable());
      runs.push(await this.#run(argv, where));
    }
    await this.#restsAt(decision === "commit" ? NEW : OLD);
    return runs;
  }

  /** Makes the board again what it was in the rehearsal before this command. */
  async #goBackTo(command: number): Promise<void> {
    for (const name of await this.#changeable()) await rm(this.board.file(name), { recursive: true });
    await copyEntries(this.#saved(command), this.board.folder, await readdir(this.#saved(command)));
  }

  /** What lies beside the board and on it, except for the images and Artifacts, which no update changes. */
  async #changeable(): Promise<readonly string[]> {
    return (await readdir(this.board.folder)).filter((name) => !/\.(?:img|mender)$/.test(name));
  }

  /**
   * Cuts the power in the update, powers the board on until it is at rest, and checks every promise. After a rehearsal,
   * the device begins from its copies, so it can survive any number of cuts. A cut at a named instant needs a rehearsal:
   * the update begins with the command that is cut, because the commands before it would do the same again.
   */
  async survive(cut: Cut, decision: Decision, random: Random): Promise<Recovery> {
    const loss = await this.#updateUntil(cut, decision, random);
    const state = (await this.board.pending()) ?? "no update on disk";
    await bootsWhatItNames(this.board);
    await this.#bootToRest();
    await this.#tellsTruth();
    const isAlive = (await this.board.pending()) !== undefined || (await this.#shown()) === NEW;
    if (await this.#decide(decision)) await this.#bootToRest();
    expect(await this.board.pending()).toBeUndefined();
    const now = await this.#tellsTruth();
    await this.#kind.check?.(this.board, now === NEW ? "committed" : "rolled back");
    await this.#updateTo(FURTHER);
    return { fate: isAlive ? "resumed" : "rolledBack", state, loss };
  }

  async #updateUntil(cut: Cut, decision: Decision, random: Random): Promise<Loss> {
    const nothingLost = { blocksKept: 0, blocksLost: 0, renamesUndone: 0, filesTorn: 0 };
    const first = "command" in cut ? cut.command : 0;
    if (existsSync(this.#saved(first))) await this.#goBackTo(first);
    for (const argv of this.commands(decision).slice(first)) {
      if ("power" in cut && cut.power.aborted) return nothingLost;
      const before = this.#disk.read();
      const run = await this.#run(argv, "power" in cut ? { power: cut.power } : { at: cut.at });
      if (run.killed) {
        this.#kills++;
        await this.#kind.losePower?.(this.board);
        return losePower(run.calls, this.board.dir, before, random);
      }
    }
    expect("power" in cut, "the named instant has come").toBe(true);
    return nothingLost;
  }

  async #run(argv: readonly string[], where: Where): Promise<Watched> {
    const { feed } = this.#options;
    const bytes = argv.at(-1) === "-" ? await readFile(this.board.file(`${NEW}.mender`)) : undefined;
    const input = feed && bytes && { feed: (stdin: NodeJS.WritableStream) => feed(stdin, bytes) };
    const run = await watchedRun(this.#program, argv, { env: this.#env, ...where, ...input });
    if (!run.killed) expect(run.exitCode, run.err.join("\n")).toBe(0);
    return run;
  }

  get #env(): Readonly<Record<string, string>> {
    return this.#kind.env?.(this.board) ?? {};
  }

  #bootToRest(): Promise<void> {
    return bootToRest(this.board, async () => {
      const { exitCode, err } = await this.#recovers("board", "boot", this.board.dir);
      expect(err.filter((line) => !LOG_LINE.test(line))).toEqual([]);
      return exitCode === 0;
    });
  }

  /**
   * Does what the user who asked for the update would do. The user cannot commit what the boot loader has reverted.
   *
   * @returns whether there was anything to decide
   */
  async #decide(decision: Decision): Promise<boolean> {
    if ((await this.board.pending()) === undefined) return false;
    const versions = await this.#kind.versions(this.board, [OLD, NEW]);
    const { exitCode, err } = await this.#recovers(...this.board.options, decision);
    const isThere = versions.every((version) => version === NEW);
    expect(exitCode, err.join("\n")).toBe(decision === "rollback" || isThere ? 0 : 1);
    return true;
  }

  /**
   * While an update is pending, the old name stays and each part has some known version. Afterwards, all parts have the
   * version of the name. `_INCONSISTENT` never appears, because every update interrupted here can be undone.
   */
  async #tellsTruth(): Promise<string> {
    const versions = await this.#kind.versions(this.board, [OLD, NEW]);
    const shown = await this.#shown();
    if ((await this.board.pending()) === undefined) expect([...new Set(versions)]).toEqual([shown]);
    else expect(shown).toBe(OLD);
    return shown;
  }

  async #shown(): Promise<string> {
    return (await this.board.agent("show-artifact")).out.join("\n");
  }

  async #restsAt(version: string): Promise<void> {
    expect(await this.board.pending()).toBeUndefined();
    expect(await this.#shown()).toBe(version);
    expect([...new Set(await this.#kind.versions(this.board, [version]))]).toEqual([version]);
  }

  /**
   * Makes a further update without a cut, to show that the board still works.
   */
  async #updateTo(version: string): Promise<void> {
    const { options } = this.board;
    const artifact = this.#released.get(version) ?? expect.fail(`${version} is not released`);
    const boot = this.#kind.reboots ? [["board", "boot", this.board.dir]] : [];
    for (const argv of [[...options, "install", artifact], ...boot, [...options, "commit"]]) {
      const { exitCode, err } = await this.#here(...argv);
      expect(exitCode, err.join("\n")).toBe(0);
    }
    await this.#restsAt(version);
  }

  #recovers(...argv: readonly string[]): Promise<Result> {
    return this.#options.recoversHere === true ? this.#here(...argv) : this.#agent(...argv);
  }

  /** Runs a command in this process, unless it needs environment variables. */
  #here(...argv: readonly string[]): Promise<Result> {
    return Object.keys(this.#env).length === 0 ? cli("switchback", argv) : this.#agent(...argv);
  }

  #agent(...argv: readonly string[]): Promise<Ended> {
    const { child, ended } = startProgram(process.execPath, [this.#program.path, ...argv], this.#env);
    child.stdin?.end();
    return ended;
  }
}
