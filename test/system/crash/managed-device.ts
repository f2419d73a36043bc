import { mkdir, readFile, writeFile } from "node:fs/promises";
import { expect } from "vitest";
import type { Random } from "../../../qemu/harness/random.ts";
import { type BuiltProgram, type Ended, type Started, startProgram } from "../../support/built-program.ts";
import { cli, MEMORY_FOLDER, TestBoard } from "../../support/test-board.ts";
import type { Recovery } from "./crash-device.ts";
import { DeploymentDesk } from "./deployment-desk.ts";
import { bootsWhatItNames, bootToRest } from "./power-on.ts";
import { IMAGE_KIB, type Kind } from "./scenarios.ts";
import { type Disk, type Loss, losePower, readDisk } from "./volatile.ts";
import { type Instant, type Watched, watchedRun } from "./watched-run.ts";

const OLD = "v1";
const NEW = "v2";
const FURTHER = "v3";
/** Limit on the lives of the agent until a deployment ends, even with an unwell server. */
const MAX_LIVES = 20;
const NOTHING_LOST: Loss = { blocksKept: 0, blocksLost: 0, renamesUndone: 0, filesTorn: 0 };

/**
 * A cut at a named instant of the `life`th process, counted from 0, or when a signal aborts. With `killed`, only the
 * agent is killed. Otherwise the power fails, and unsynced data may be lost.
 */
export type ManagedCut =
  | { readonly life: number; readonly at: Instant; readonly killed: boolean }
  | { readonly power: AbortSignal };

export interface ManagedOptions {
  readonly agent: "poll" | "daemon";
  /**
   * Runs each life that is not cut in this process, which takes a tenth of the time. A life that is cut is always the
   * built program's.
   */
  readonly livesHere?: boolean;
  /** Speed of downloads. */
  readonly bytesPerSecond?: number;
}

/**
 * A virtual board and an unwell server, with which the built program makes a deployment's update and is killed. The
 * test checks both the board and what the server received.
 */
export class ManagedDevice {
  readonly board: TestBoard;
  readonly desk: DeploymentDesk;
  readonly #program: BuiltProgram;
  readonly #kind: Kind;
  readonly #options: ManagedOptions;
  #running: Started | undefined;

  static async make(
    program: BuiltProgram,
    kind: Kind,
    random: Random,
    options: ManagedOptions,
  ): Promise<ManagedDevice> {
    const board = await TestBoard.make({ slotKib: IMAGE_KIB, imageKib: IMAGE_KIB, parent: MEMORY_FOLDER });
    await board.image(OLD, "yes", IMAGE_KIB);
    await kind.setUp(board);
    const desk = await DeploymentDesk.open(random);
    await mkdir(board.path("share/identity"), { recursive: true });
    const identity = "#!/bin/sh\necho mac=00:11\n";
    await writeFile(board.path("share/identity/mender-device-identity"), identity, { mode: 0o755 });
    await board.configure({
      ServerURL: desk.server.url,
      UpdatePollIntervalSeconds: options.agent === "daemon" ? 1 : 3600,
      InventoryPollIntervalSeconds: 3600,
      RetryPollIntervalSeconds: 1,
      RetryPollCount: 20,
      Switchback: {
        Bootloader: "fake",
        Board: board.dir,
        DownloadRetryWaitSeconds: 0,
        RateLimitBytesPerSecond: options.bytesPerSecond ?? 0,
      },
    });
    return new ManagedDevice(program, kind, board, desk, options);
  }

  private constructor(
    program: BuiltProgram,
    kind: Kind,
    board: TestBoard,
    desk: DeploymentDesk,
    options: ManagedOptions,
  ) {
    this.board = board;
    this.desk = desk;
    this.#program = program;
    this.#kind = kind;
    this.#options = options;
  }

  async remove(): Promise<void> {
    this.#running?.child.kill("SIGKILL");
    await this.#running?.ended;
    await this.desk.close();
    await this.board.remove();
  }

  /** Makes the whole update without a cut, with a healthy server. @returns the system calls of each process */
  async rehearse(): Promise<readonly Watched[]> {
    await this.#deploy(NEW);
    const lives: Watched[] = [];
    while (!this.desk.rested.aborted) {
      lives.push(await this.#watchedLife({}));
      if (lives.at(-1)?.exitCode === 4) await this.#bootToRest();
      if (lives.length > MAX_LIVES) expect.fail("the update does not come to its end");
    }
    return lives;
  }

  /** Kills the agent in the update, powers the board on until all is done, and checks every promise. */
  async survive(cut: ManagedCut, random: Random): Promise<Recovery> {
    await this.#deploy(NEW);
    this.desk.feels("at" in cut ? "mumbling" : "unwell");
    const { loss, killedLife } = await this.#updateUntil(cut, random);
    this.desk.feels("unwell");
    const state = (await this.board.pending()) ?? "no update on disk";
    await bootsWhatItNames(this.board);
    await this.#bootToRest();
    await this.#liveToRest();
    const status = this.#toldTruly(killedLife);
    await this.#restsAt(status === "success" ? NEW : OLD);
    await this.#kind.check?.(this.board, status === "success" ? "committed" : "rolled back");
    const told = {
      finals: this.desk.finals.length,
      troubles: this.desk.troubles,
      requests: this.desk.server.requests.length,
    };
    await this.#updateFurther();
    return { fate: status === "success" ? "resumed" : "rolledBack", state, loss, told };
  }

  async #deploy(version: string): Promise<void> {
    const path = await this.#kind.release(this.board, version);
    this.desk.deploy(`deployment-of-${version}`, version, await readFile(path));
  }

  async #updateUntil(cut: ManagedCut, random: Random): Promise<{ loss: Loss; killedLife?: number }> {
    for (let life = 0; life < MAX_LIVES && !this.desk.rested.aborted; life++) {
      if ("power" in cut && cut.power.aborted) return { loss: NOTHING_LOST };
      // The test does not need the calls of a life that is not cut, so that life runs without strace.
      if ("life" in cut && cut.life !== life) {
        this.desk.nextLife();
        const { exitCode } = await this.#life();
        if (exitCode === 4) await this.#bootToRest();
        continue;
      }
      const isPowered = "killed" in cut && cut.killed;
      const before = isPowered ? new Map() : await this.#disk();
      const run = await this.#watchedLife("power" in cut ? { power: cut.power } : { at: cut.at });
      if (run.killed) {
        const loss = isPowered ? NOTHING_LOST : await losePower(run.calls, this.board.dir, before, random);
        return { loss, killedLife: this.desk.life };
      }
      if (run.exitCode === 4) await this.#bootToRest();
    }
    expect("power" in cut, "the named instant has come").toBe(true);
    return { loss: NOTHING_LOST };
  }

  async #watchedLife(where: { readonly at?: Instant; readonly power?: AbortSignal }): Promise<Watched> {
    this.desk.nextLife();
    // A daemon does not end by itself, so it loses its power at the latest when it has nothing left to do.
    const power = where.power && AbortSignal.any([where.power, this.desk.rested]);
    return await watchedRun(this.#program, this.#argv, { env: this.#env, ...where, ...(power && { power }) });
  }

  /** Restarts the agent, as init (and a timer) would, until the server knows the result and nothing is left to do. */
  async #liveToRest(): Promise<void> {
    const said: string[] = [];
    for (let life = 0; !this.desk.rested.aborted; life++) {
      if (life === MAX_LIVES) expect.fail(`no end after ${MAX_LIVES} lives:\n${said.join("\n")}`);
      this.desk.nextLife();
      const { exitCode, err } = await this.#life();
      said.push(...err);
      expect([0, 1, 4], said.join("\n")).toContain(exitCode);
      if (exitCode === 4) await this.#bootToRest();
    }
    expect(await this.board.pending()).toBeUndefined();
  }

  /** @returns the status that the server received: always the same, and repeated only if the answer was lost */
  #toldTruly(killedLife: number | undefined): "success" | "failure" {
    const { finals, statuses } = this.desk;
    const [first] = finals;
    if (first === undefined) return expect.fail("the server has heard of no end");
    expect([...new Set(finals.map(({ status }) => status))]).toEqual([first.status]);
    for (const { answered, life } of finals.slice(0, -1))
      expect(answered && life !== killedLife, "told again although the answer had arrived").toBe(false);
    const begun = statuses.slice(statuses.indexOf("installing") + 1);
    if (statuses.includes("installing"))
      expect(begun, "begun once, and brought to its end").not.toContain("downloading");
    return first.status;
  }

  async #restsAt(version: string): Promise<void> {
    const { out } = await this.board.agent("show-artifact");
    expect(out).toEqual([version]);
    expect([...new Set(await this.#kind.versions(this.board, [OLD, NEW, FURTHER]))]).toEqual([version]);
  }

  /** Makes a further deployment without a cut. */
  async #updateFurther(): Promise<void> {
    this.desk.feels("well");
    await this.#deploy(FURTHER);
    await this.#liveToRest();
    expect(this.desk.finals.map(({ status }) => status)).toEqual(["success"]);
    await this.#restsAt(FURTHER);
  }

  /** A whole life of the agent. A daemon ends when it has nothing left to do. */
  #life(): Promise<Pick<Ended, "exitCode" | "err">> {
    if (this.#options.livesHere === true) return cli("switchback", this.#argv);
    const { child, ended } = this.#start();
    const stop = (): void => void (this.#options.agent === "daemon" && child.kill("SIGTERM"));
    this.desk.rested.addEventListener("abort", stop, { once: true });
    return ended;
  }

  #start(): Started {
    const started = startProgram(process.execPath, [this.#program.path, ...this.#argv], this.#env);
    started.child.stdin?.end();
    this.#running = started;
    return started;
  }

  get #argv(): readonly string[] {
    return [...this.board.options, ...(this.#options.agent === "poll" ? ["poll", "--now"] : ["daemon"])];
  }

  get #env(): Readonly<Record<string, string>> {
    return this.#kind.env?.(this.board) ?? {};
  }

  /** Boots without the board's own init, because a deployment waits for the agent. */
  #bootToRest(): Promise<void> {
    return bootToRest(this.board, async () => (await this.board.boot()).outcome.kind === "up");
  }

  #disk(): Promise<Disk> {
    const data = ["switchback-store", "switchback-server", "mender-agent.pem"].map((name) => `data/${name}`);
    return readDisk(["slots/rootfs2", "slots/rootfs3", "boot/env", ...data].map((path) => this.board.path(path)));
  }
}
