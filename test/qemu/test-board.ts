import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BoardName } from "../../qemu/image/board.ts";
import { buildSystem, type SystemFiles } from "../../qemu/image/system.ts";
import { Bench } from "../../qemu/rig/bench.ts";
import type { CommandResult } from "../../qemu/rig/guest.ts";
import type { Machine } from "../../qemu/rig/machine.ts";
import { file } from "../support/answers.ts";
import { ScriptedServer } from "../support/scripted-server.ts";

const PROGRAM = "dist/switchback.mjs";
/** The host's loopback, as guests see it. */
const HOST = "10.0.2.2";
/** Emulated processors are slow, and two machines share a host with two cores. */
const UP_MS = 240_000;
export const SCENARIO_MS = 600_000;

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
  #machine: Machine | undefined;

  private constructor(bench: Bench, server: ScriptedServer, folder: string) {
    this.bench = bench;
    this.server = server;
    this.folder = folder;
  }

  /** A new board with version v1, switched on. */
  static async start(name: BoardName, files: SystemFiles = {}): Promise<QemuBoard> {
    const folder = await mkdtemp(join(tmpdir(), `switchback-${name}-`));
    const bench = await Bench.set(name, join(folder, "board"), "dist", files);
    const board = new QemuBoard(bench, await ScriptedServer.start(), folder);
    await board.powerOn();
    return board;
  }

  async remove(): Promise<void> {
    await this.bench.powerOff();
    await this.server.close();
    await rm(this.folder, { recursive: true });
  }

  get machine(): Machine {
    if (this.#machine === undefined) throw new Error("the board is switched off");
    return this.#machine;
  }

  /** @returns the version that comes up */
  async powerOn(clock?: string): Promise<string> {
    this.#machine = await this.bench.powerOn(clock === undefined ? {} : { clock });
    return await this.#settled(await this.machine.waitUp(UP_MS));
  }

  async powerCycle(): Promise<string> {
    await this.bench.powerOff();
    return await this.powerOn();
  }

  async reboot(): Promise<string> {
    return await this.#settled(await this.machine.reboot(UP_MS));
  }

  /** Waits for what the board does by itself at its start: the agent takes one command at a time. */
  async #settled(version: string): Promise<string> {
    await this.shell("test -s /data/agent || while pidof start-agent >/dev/null; do sleep 0.2; done");
    return version;
  }

  /** Runs a line of shell on the board. */
  async shell(command: string): Promise<CommandResult> {
    return await (await this.machine.guest()).run(command);
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
  system(version: string, files: SystemFiles = {}): Promise<string> {
    return buildSystem(this.bench.board, { version, agent: "dist", files });
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

/** Tells on the terminal how long a part took, as whole minutes pass in between. */
export async function timed<T>(title: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  process.stderr.write(`${title}: ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
  return result;
}
