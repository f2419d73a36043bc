import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, test } from "vitest";
import { partitionOf } from "../../../image/placeholders.ts";
import { AGENT_COMMANDS } from "../../../qemu/harness/agent-commands.ts";
import { QemuDevice, type SlotPlace } from "../../../qemu/harness/qemu-device.ts";
import type { BoardName } from "../../../qemu/image/board.ts";
import { buildSystem, type SystemFiles } from "../../../qemu/image/system.ts";
import { Bench, FASTEST_KERNEL } from "../../../qemu/rig/bench.ts";
import type { CommandResult } from "../../../qemu/rig/guest.ts";
import type { Machine } from "../../../qemu/rig/machine.ts";
import { ArtifactServer } from "../../../qemu/server/artifact-server.ts";
import { file } from "../../support/answers.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";

const PROGRAM = "dist/switchback.mjs";
/** The host's loopback, as guests see it. */
const HOST = "10.0.2.2";
/** Emulated processors are slow. */
const UP_MS = 240_000;
export const SCENARIO_MS = 600_000;
const POLL_MS = 200;
const MEMORY = "/dev/shm";
/** Disks and Artifacts of one board. */
const BOARD_BYTES = 1024 ** 3;

const execute = promisify(execFile);

export interface ArtifactOptions {
  readonly name: string;
  /** Path of the image. */
  readonly image: string;
  readonly scripts?: readonly string[];
}

/** A board under QEMU with our agent, a server beside it, and a folder for the files of a test. */
export class QemuBoard {
  readonly bench: Bench;
  readonly server: ScriptedServer;
  readonly folder: string;
  /** The same board as the scenarios of the harness see it. */
  readonly device: QemuDevice;
  readonly #artifacts: ArtifactServer;
  #version = "";

  private constructor(bench: Bench, server: ScriptedServer, folder: string, artifacts: ArtifactServer) {
    this.bench = bench;
    this.server = server;
    this.folder = folder;
    this.#artifacts = artifacts;
    this.device = deviceOn(bench, artifacts);
  }

  /** A new board with version v1, switched on. */
  static async start(name: BoardName, files: SystemFiles = {}): Promise<QemuBoard> {
    const folder = await mkdtemp(join(await roomyFolder(), `switchback-${name}-`));
    // Of the test files that run at once each has a number of its own.
    const processor = Number(process.env["VITEST_POOL_ID"] ?? 0);
    const bench = await Bench.set(name, join(folder, "board"), { kernel: FASTEST_KERNEL[name], files, processor });
    const board = new QemuBoard(bench, await ScriptedServer.start(), folder, await ArtifactServer.start([]));
    await board.powerOn();
    return board;
  }

  async remove(): Promise<void> {
    await this.device.close();
    await this.server.close();
    await this.#artifacts.close();
    await rm(this.folder, { recursive: true });
  }

  get machine(): Machine {
    return this.device.machine;
  }

  /** The Artifacts that the scenarios of the harness install from now on. */
  offer(paths: readonly string[]): void {
    this.#artifacts.serve(paths);
  }

  /** Version of the system that runs. */
  get version(): string {
    return this.#version;
  }

  /** @returns the version that comes up */
  async powerOn(): Promise<string> {
    await this.device.powerOn();
    return await this.#settled();
  }

  async powerCycle(): Promise<string> {
    await this.device.cutPower();
    return await this.powerOn();
  }

  async reboot(): Promise<string> {
    await this.device.reboot();
    return await this.#settled();
  }

  /** Waits for a system to be up that is started without our doing. @returns its version */
  async up(mark: number): Promise<string> {
    this.#version = await this.machine.waitUp(UP_MS, mark);
    return this.#version;
  }

  /** The same without a look at its network. */
  async versionAfter(mark: number): Promise<string> {
    return await this.machine.waitVersion(UP_MS, mark);
  }

  /** From now on, and after each start: see `start-agent`. */
  async lookAfter(mode: string): Promise<void> {
    await (await this.machine.guest()).put("/data/agent", `${mode}\n`);
    await this.shell("setsid /usr/libexec/start-agent </dev/null >>/data/log/agent.log 2>&1 &");
  }

  /** Waits until `isSo`. @throws {Error} with the last lines of the console when it takes longer than `ms` */
  async until(what: string, isSo: () => boolean | Promise<boolean>, ms: number): Promise<void> {
    const deadline = Date.now() + ms;
    while (!(await isSo())) {
      if (Date.now() > deadline) {
        throw new Error(`not within ${ms / 1000} s: ${what}\n${this.machine.console.lastLines()}`);
      }
      await setTimeout(POLL_MS);
    }
  }

  async #settled(): Promise<string> {
    this.#version = (await (await this.machine.guest()).must("cat /etc/version")).trim();
    return this.#version;
  }

  /** Runs a line of shell on the board. */
  async shell(command: string, stdin?: string): Promise<CommandResult> {
    return await (await this.machine.guest()).run(command, stdin);
  }

  /** The agent on the board: exit status, lines on stdout, and those on stderr that are no log. */
  async switchback(...args: readonly string[]): Promise<{ exitCode: number; out: string[]; err: string[] }> {
    const { code, stdout, stderr } = await this.shell(`switchback ${args.join(" ")}`);
    const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");
    const err = lines(stderr).filter((line) => !/^(?:trace|debug|info|warning|error): /.test(line));
    return { exitCode: code, out: lines(stdout), err };
  }

  /** What `show-artifact` says. */
  async artifactName(): Promise<string> {
    return (await this.switchback("show-artifact")).out[0] ?? "";
  }

  /** The image of a whole system. */
  system(version: string, files: SystemFiles = {}, agent = "dist"): Promise<string> {
    return buildSystem(this.bench.board, { version, agent, files });
  }

  /** Writes an Artifact with our own tool. @returns its path */
  async artifact({ name, image, scripts = [] }: ArtifactOptions): Promise<string> {
    const path = join(this.folder, `${name}.mender`);
    const given = scripts.flatMap((script) => ["--script", script]);
    const type = ["-t", this.bench.board.deviceType, "--compression", "none"];
    await execute(process.execPath, [
      PROGRAM,
      "artifact",
      "write",
      "rootfs-image",
      "-n",
      name,
      ...type,
      "-f",
      image,
      "-o",
      path,
      ...given,
    ]);
    return path;
  }

  /** Serves an Artifact. @returns the address that the board reaches it under */
  async serve(options: ArtifactOptions): Promise<string> {
    const path = await this.artifact(options);
    const route = `/${options.name}.mender` as const;
    this.server.answer(route, file(await readFile(path), { etag: `"${options.name}"` }));
    return this.#fromGuest(`${this.server.url}${route}`);
  }

  /** The server's address as the board sees it. */
  get serverUrl(): string {
    return this.#fromGuest(this.server.url);
  }

  #fromGuest(url: string): string {
    return url.replace("127.0.0.1", HOST);
  }
}

/** Waits for what the board does by itself at its start: the agent takes one command at a time. */
const SETTLED = "test -s /data/agent || flock /run/start-agent.lock true";

function deviceOn(bench: Bench, server: ArtifactServer): QemuDevice {
  const { board, hardware, folder, processor } = bench;
  const { bootloader } = board.image;
  const placeOf = (role: "rootfsA" | "rootfsB"): SlotPlace & { readonly number: number } => {
    const partition = partitionOf(board.layout, role);
    if (partition === undefined) throw new Error(`${board.name} has no ${role}`);
    return { number: partition.number, offset: partition.startBytes, size: partition.size };
  };
  const places = { A: placeOf("rootfsA"), B: placeOf("rootfsB") };
  return new QemuDevice({
    ...{ hardware, folder, processor, server, places },
    access: { user: "root" },
    agent: AGENT_COMMANDS.switchback,
    copyImage: (disk) => bench.copyDisk(disk),
    slots: { A: places.A.number, B: places.B.number },
    environmentOffsets: bootloader.kind === "u-boot" ? (bootloader.environment.offsets ?? []) : [],
    startMs: UP_MS,
    signal: new AbortController().signal,
    settle: SETTLED,
  });
}

/** In memory where there is enough: emulated cards are written through, sector by sector, which a real disk makes slow. */
export async function roomyFolder(): Promise<string> {
  const memory = await statfs(MEMORY).catch(() => undefined); // ignored: there is none.
  return memory !== undefined && memory.bavail * memory.bsize > 2 * BOARD_BYTES ? MEMORY : tmpdir();
}

/** What scenarios of one board share: they build on each other, each beginning where the one before has ended. */
export interface Scenarios {
  readonly name: BoardName;
  board(): QemuBoard;
  scenario(title: string, run: () => Promise<void>): void;
}

/** A new board for the scenarios of a file. Each tells on the terminal how long it took. */
export function scenariosOn(name: BoardName): Scenarios {
  let board: QemuBoard;
  beforeAll(async () => {
    board = await timed(`${name}: build and first start`, () => QemuBoard.start(name));
  }, SCENARIO_MS);
  afterAll(() => board.remove(), SCENARIO_MS);
  return {
    name,
    board: () => board,
    scenario: (title, run) => test(title, () => timed(`${name}: ${title}`, run), SCENARIO_MS),
  };
}

/** Tells on the terminal how long a part took, as whole minutes pass in between. */
async function timed<T>(title: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  process.stderr.write(`${title}: ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
  return result;
}
