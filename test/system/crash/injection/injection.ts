import { createHash } from "node:crypto";
import { join } from "node:path";
import { Random } from "../../../../qemu/harness/random.ts";
import { Violation } from "../../model/rules.ts";
import { type Context, CrashBoard, type Sabotage } from "./crash-board.ts";
import { type Cut, cutsOf, type Tally } from "./cuts.ts";
import type { Disk } from "./disk.ts";
import { type Image, replay, walk } from "./disk-image.ts";
import { Invariants } from "./invariants.ts";
import type { Scenario } from "./scenarios.ts";
import type { Workshop } from "./workshop.ts";

export interface Broken {
  readonly where: string;
  readonly message: string;
}

/** What was done to a scenario, and the results. */
export interface Findings {
  readonly acts: number;
  /** Number of power cuts of all kinds. */
  readonly cuts: number;
  /** Number of different boards that the cuts left. Each of them was switched on. */
  readonly boards: number;
  readonly secondCuts: number;
  readonly subsets: Tally;
  readonly broken: readonly Broken[];
}

export interface InjectionOptions {
  readonly seed: number;
  /** One in this many recoveries is itself interrupted at some act. */
  readonly secondCutEvery?: number;
  readonly sabotage?: Sabotage;
  /** Stops at the first board that is broken in this way. */
  readonly until?: RegExp;
}

/** Cuts the power at every durable act of one scenario, and lets the board recover from there. */
export class Injection {
  readonly #workshop: Workshop;
  readonly #scenario: Scenario;
  readonly #options: InjectionOptions;
  readonly #random: Random;
  readonly #seen = new Set<string>();
  /** Boards at rest that have taken a further update. */
  readonly #updated = new Set<string>();
  readonly #broken: Broken[] = [];
  readonly #subsets: Tally = { possible: 0, tried: 0 };
  #cuts = 0;
  #secondCuts = 0;

  constructor(workshop: Workshop, scenario: Scenario, options: InjectionOptions) {
    this.#workshop = workshop;
    this.#scenario = scenario;
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  async run(): Promise<Findings> {
    const disk = await this.#playWhole();
    for (const cut of cutsOf(disk, this.#random, this.#subsets)) {
      this.#cuts += 1;
      const recovery = await this.#tried(cut, describe(disk, cut));
      if (this.#isEnough()) break;
      const every = this.#options.secondCutEvery;
      if (recovery === undefined || every === undefined || this.#seen.size % every !== 0) continue;
      const second = this.#random.pick([...cutsOf(recovery, this.#random, { possible: 0, tried: 0 })]);
      this.#secondCuts += 1;
      await this.#tried(second, `${describe(disk, cut)}, then ${describe(recovery, second)}`);
    }
    return {
      acts: disk.acts.length,
      cuts: this.#cuts,
      boards: this.#seen.size,
      secondCuts: this.#secondCuts,
      subsets: this.#subsets,
      broken: this.#broken,
    };
  }

  #isEnough(): boolean {
    const { until } = this.#options;
    return until !== undefined && this.#broken.some(({ message }) => until.test(message));
  }

  /** Plays the scenario without a cut. */
  async #playWhole(): Promise<Disk> {
    const invariants = new Invariants(this.#scenario.setup);
    const board = this.#board(this.#workshop.factory, invariants);
    await board.powerOn();
    await this.#scenario.play(board, this.#workshop.artifacts);
    return board.disk;
  }

  /** @returns the board's disk with its history since the cut; `undefined` if the same board was tried before */
  async #tried(cut: Cut, where: string): Promise<Disk | undefined> {
    const key = fingerprint(cut.image, cut.context);
    if (this.#seen.has(key)) return undefined;
    this.#seen.add(key);
    try {
      return await this.#recover(cut.image, cut.context as Context);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#broken.push({ where, message });
      return undefined;
    }
  }

  async #recover(image: Image, { memory, before }: Context): Promise<Disk> {
    const invariants = new Invariants(this.#scenario.setup, memory);
    const board = this.#board(image, invariants);
    invariants.cut(board.snapshot());
    invariants.anywhere(before, await board.onDisk());
    await board.powerOnToRest();
    invariants.anywhere(before, await board.onDisk());
    if (board.snapshot() !== undefined) {
      await board.agent(this.#scenario.decision);
      await board.powerOnToRest();
    }
    promise(board.snapshot() === undefined, "an update is pending that somebody has decided about");
    const end = await board.onDisk();
    invariants.atEnd(end);
    const shown = (await board.agent("show-artifact")).outLines.join();
    promise(shown.replace(/^v1/, "old").replace(/^v2/, "new") === end.name, `the board says ${shown} at the end`);
    await this.#updateFurther(replay(board.disk.start, board.disk.log));
    return board.disk;
  }

  async #updateFurther(image: Image): Promise<void> {
    const key = fingerprint(image, undefined);
    if (this.#updated.has(key)) return;
    const board = this.#board(image, undefined);
    await board.powerOn();
    const installed = await board.agent("install", join(this.#workshop.artifacts, "v3.mender"));
    promise(installed.exitCode === 0, `a further update fails: ${installed.errLines.join(" ")}`);
    await board.reboot();
    promise((await board.runs()) === "v3", "a further update does not come up");
    const committed = await board.agent("commit");
    promise(committed.exitCode === 0, `a further update is not committed: ${committed.errLines.join(" ")}`);
    const shown = await board.agent("show-artifact");
    promise(shown.outLines.join() === "v3", `after a further update the board says ${shown.outLines.join()}`);
    this.#updated.add(key);
  }

  #board(image: Image, invariants: Invariants | undefined): CrashBoard {
    return CrashBoard.make({ dir: this.#workshop.dir, image, invariants, sabotage: this.#options.sabotage });
  }
}

function promise(kept: boolean, sentence: string): void {
  if (!kept) throw new Violation(sentence);
}

function describe(disk: Disk, { act, way }: Cut): string {
  const next = disk.acts[act];
  return `${next === undefined ? "after the last act" : `before act ${act + 1} (${next.kind} ${next.what})`}, ${way}`;
}

/** Equal for boards that behave alike from here on. */
function fingerprint(image: Image, context: unknown): string {
  const hash = createHash("sha256");
  for (const [path, inode] of walk(image)) {
    hash.update(`${path}\0${inode.mode}\0${inode.kind}\0`);
    if (inode.kind === "file") hash.update(`${inode.content.length}\0`).update(inode.content);
  }
  return hash.update(JSON.stringify(context) ?? "").digest("hex");
}
