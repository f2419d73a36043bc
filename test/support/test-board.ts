import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runningSlot } from "../../adapters/bootloader/fake/board-layout.ts";
import { createFileEnv, loadVariables } from "../../adapters/bootloader/fake/file-env.ts";
import { type BoardImageBoots, type BoardStart, type BoardStatus, virtualBoard } from "../../src/agent/device/board.ts";
import type { ArtifactRequest } from "../../src/artifact/artifact-request.ts";
import { run } from "../../src/cli/run.ts";
import type { SlotId } from "../../src/ports/bootloader.ts";
import { rootfsRequest } from "../artifact/artifact-requests.ts";
import { RecordingIo } from "./recording-io.ts";
import { writeArtifact } from "./write-artifact.ts";

export const BOARD_TYPE = "board-a";
const FIRST_VERSION = "v1";
const KIB = 1024;
/** For tests that save thousands of times and do not test the disk. */
export const MEMORY_FOLDER = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** The result of a command. */
export interface CliResult {
  readonly exitCode: number;
  readonly out: readonly string[];
  /** Lines on stderr, without those of the log. */
  readonly err: readonly string[];
  readonly log: readonly string[];
}

const LOG_LINE = /^(?:trace|debug|info|warning|error|fatal): /;

const made = new Map<string, Buffer>();

/** Makes the file `path`, or copies it if this process made it before: hundreds of boards get the same images. */
async function onceMade(what: string, path: string, make: () => Promise<unknown>): Promise<void> {
  const bytes = made.get(what);
  if (bytes !== undefined) return writeFile(path, bytes);
  await make();
  made.set(what, await readFile(path));
}

/** A small virtual board in its own folder, switched on, with a command line. */
export class TestBoard {
  /** For the files of a test. */
  readonly folder: string;
  readonly dir: string;

  /** @param onThisMachine runs modules and scripts outside of a namespace, which is faster and needs fewer rights */
  static async make({ slotKib = 256, imageKib = 128, parent = tmpdir(), onThisMachine = true } = {}) {
    const made = new TestBoard(await mkdtemp(join(parent, "switchback-test-board-")));
    await virtualBoard.create(made.dir, {
      slotBytes: slotKib * KIB,
      imageBytes: imageKib * KIB,
      deviceType: BOARD_TYPE,
      version: FIRST_VERSION,
    });
    if (onThisMachine) await writeFile(made.path("on-this-machine"), "");
    await virtualBoard.boot(made.dir);
    return made;
  }

  private constructor(folder: string) {
    this.folder = folder;
    this.dir = join(folder, "board");
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  /** Path of a file on the board. */
  path(name: string): string {
    return join(this.dir, name);
  }

  /** Options that point the agent at this board. */
  get options(): readonly string[] {
    return ["-c", this.path("etc/mender.conf"), "-d", this.path("data")];
  }

  /** Runs the agent's command line on this board. */
  agent(...argv: readonly string[]): Promise<CliResult> {
    return cli("switchback", [...this.options, ...argv], new RecordingIo());
  }

  /** Cuts the power and restores it. Starts no agent. */
  boot(): Promise<BoardStart> {
    return virtualBoard.boot(this.dir);
  }

  status(): Promise<BoardStatus> {
    return virtualBoard.status(this.dir);
  }

  /** The running slot alone, without a look into the slots. */
  running(): Promise<SlotId | undefined> {
    return runningSlot(this.dir);
  }

  /** Changes keys of mender.conf. */
  async configure(keys: Readonly<Record<string, unknown>>): Promise<void> {
    const path = this.path("etc/mender.conf");
    const configuration: object = JSON.parse(await readFile(path, "utf8"));
    await writeFile(path, JSON.stringify({ ...configuration, ...keys }));
  }

  async env(): Promise<Readonly<Record<string, string>>> {
    return Object.fromEntries(await loadVariables(this.path("boot/env")));
  }

  async setEnv(changes: Readonly<Record<string, string>>): Promise<void> {
    await createFileEnv(this.path("boot/env")).write(new Map(Object.entries(changes)), new AbortController().signal);
  }

  slot(slot: "A" | "B"): Promise<Buffer> {
    return readFile(this.path(slot === "A" ? "slots/rootfs2" : "slots/rootfs3"));
  }

  /** Everything in the agent's store; empty if there is none yet. */
  async stored(): Promise<Readonly<Record<string, string>>> {
    const text = await readFile(this.path("data/switchback-store"), "utf8").catch(() => '{"values":{}}');
    return JSON.parse(text).values;
  }

  /** State of the pending update: `state` if the update was interrupted in it, `@state` if it rests before it. */
  async pending(): Promise<string | undefined> {
    const { state } = await this.stored();
    if (state === undefined) return undefined;
    const { phase, state: name } = JSON.parse(state);
    return phase === "before" ? `@${name}` : name;
  }

  async image(version: string, boots: BoardImageBoots = "yes", imageKib = 128): Promise<string> {
    const path = this.file(`${version}.img`);
    await onceMade(`image ${version} ${boots} ${imageKib}`, path, () =>
      virtualBoard.writeImage(path, version, imageKib * KIB, boots),
    );
    return path;
  }

  /** A rootfs-image Artifact whose name and image version are `version`. @returns its path */
  async release(
    version: string,
    boots: BoardImageBoots = "yes",
    change: Partial<ArtifactRequest> = {},
    imageKib?: number,
  ): Promise<string> {
    const request = { ...rootfsRequest(await this.image(version, boots, imageKib)), name: version };
    if (Object.keys(change).length > 0) return this.write({ ...request, ...change });
    const path = this.#artifact(version);
    await onceMade(`Artifact ${version} ${boots} ${imageKib}`, path, () => this.write(request));
    return path;
  }

  #artifact(name: string): string {
    return this.file(`${name}.mender`);
  }

  async write(request: ArtifactRequest): Promise<string> {
    const path = this.#artifact(request.name);
    await writeArtifact(request, path, () => undefined, new AbortController().signal);
    return path;
  }
}

/** Runs one command line in this process. */
export async function cli(name: string, argv: readonly string[], io = new RecordingIo()): Promise<CliResult> {
  await run(name, argv, io);
  const log = io.errLines.filter((line) => LOG_LINE.test(line));
  return { exitCode: io.exitCode, out: io.outLines, err: io.errLines.filter((line) => !log.includes(line)), log };
}

const REFUSAL = /^(?:Could not fulfill request|Failed after that): ([A-Z_]+): /;

/** Codes of the reported failures, one for each line of stderr that is not a log line. */
export function codesOf({ err }: CliResult): readonly string[] {
  return err.map((line) => REFUSAL.exec(line)?.[1] ?? `not a refusal: ${line}`);
}

/** The line that asks for a reboot. */
export const REBOOT = "At least one payload requested a reboot of the device it updated.";

/** Lines of a result, in the words of the newest reference client. */
export const INSTALLED = [
  "Installing artifact...",
  "Installed, but not committed.",
  "Use 'commit' to update, or 'rollback' to roll back the update.",
  REBOOT,
];
