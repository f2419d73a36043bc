import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { inspectSlot, type SlotContent } from "../../../../adapters/bootloader/fake/board-image.ts";
import { BOARD_PARTITIONS, boardPaths, runningSlot } from "../../../../adapters/bootloader/fake/board-layout.ts";
import { loadVariables } from "../../../../adapters/bootloader/fake/file-env.ts";
import { startBoard } from "../../../../adapters/bootloader/fake/firmware.ts";
import { virtualBoard } from "../../../../src/agent/device/board.ts";
import type { Host } from "../../../../src/agent/host.ts";
import { run } from "../../../../src/cli/run.ts";
import { boardInit } from "../../../../src/cli/tools/board-init.ts";
import { parseSnapshot, type Snapshot } from "../../../../src/core/deployment/snapshot.ts";
import type { FileActs } from "../../../../src/ports/files.ts";
import { RecordingIo } from "../../../support/recording-io.ts";
import { Violation } from "../../model/rules.ts";
import type { Image as SlotImage } from "../../model/world.ts";
import { Disk } from "./disk.ts";
import type { Image } from "./disk-image.ts";
import type { Invariants, Memory, OnDisk } from "./invariants.ts";
import { programsOn } from "./programs.ts";
import { recordingActs, recordingHost } from "./recording-host.ts";

/** A fault of the product, injected between the agent and the disk. */
export type Sabotage = (host: Host, disk: Disk) => Host;

/** What is known when an act begins. */
export interface Context {
  readonly memory: Memory;
  /** The world when the acting command began. */
  readonly before: OnDisk;
}

export interface BoardParts {
  /** Folder in which the board's disk is visible. */
  readonly dir: string;
  readonly image: Image;
  /** Without this, nothing checks the rules of the model. */
  readonly invariants?: Invariants | undefined;
  readonly sabotage?: Sabotage | undefined;
  /** Largest write that the storage of a slot accepts at once. */
  readonly longestWriteBytes?: number;
}

/** So small that a run of blocks takes several acts. */
const LONGEST_WRITE_BYTES = 8 * 1024;
const MAX_BOOTS = 5;
const STORE = "data/switchback-store";

/** A whole board in this process: its disk, its firmware, its init, and the real agent on a host that records. */
export class CrashBoard {
  readonly disk: Disk;
  readonly #dir: string;
  readonly #invariants: Invariants | undefined;
  readonly #io: () => RecordingIo;
  readonly #firmware: FileActs;

  static make(parts: BoardParts): CrashBoard {
    const { dir, image, invariants, sabotage = (host) => host, longestWriteBytes = LONGEST_WRITE_BYTES } = parts;
    const disk = new Disk(dir, image);
    const recording = recordingHost(disk, programsOn(dir), longestWriteBytes);
    const host = watched(sabotage(recording, disk), dir, invariants);
    return new CrashBoard(disk, invariants, host);
  }

  private constructor(disk: Disk, invariants: Invariants | undefined, host: Host) {
    this.disk = disk;
    this.#dir = disk.folder;
    this.#invariants = invariants;
    this.#io = () => new HostIo(this.#dir, host);
    this.#firmware = exceptRunning(recordingActs(disk), boardPaths(this.#dir).commandLine);
  }

  /** Runs one command line of the agent. */
  async agent(...argv: readonly string[]): Promise<RecordingIo> {
    await this.#begin(argv[0] ?? "");
    const io = this.#io();
    const options = ["-c", join(this.#dir, "etc/mender.conf"), "-d", join(this.#dir, "data")];
    await run("switchback", [...options, ...argv], io);
    this.#invariants?.verdict();
    return io;
  }

  async reboot(): Promise<void> {
    await this.#begin("reboot");
    this.disk.syncAll();
    await this.powerOn();
  }

  /** Runs the firmware and, if a system comes up, its init. */
  async powerOn(): Promise<void> {
    await this.#begin("resume");
    const { outcome } = await startBoard(this.#dir, this.#firmware);
    if (outcome.kind === "up") await boardInit(this.#dir, this.#io());
    this.#invariants?.verdict();
  }

  /** Starts the board until a system is up that is on trial, or that the next start would bring up again. */
  async powerOnToRest(): Promise<void> {
    for (let boots = 1; boots <= MAX_BOOTS; boots++) {
      await this.powerOn();
      const { running, trial, next } = await virtualBoard.status(this.#dir);
      const isCutOff = this.snapshot()?.phase === "main";
      if (running !== undefined && !isCutOff && (trial || (next?.kind === "up" && next.slot === running))) return;
    }
    throw new Violation(`the board is not at rest after ${MAX_BOOTS} starts`);
  }

  snapshot(): Snapshot | undefined {
    return snapshotIn(this.#dir);
  }

  async onDisk(): Promise<OnDisk> {
    const paths = boardPaths(this.#dir);
    const env = await loadVariables(paths.env);
    const stored = storedIn(this.#dir);
    const software = imageNamed(readFileSync(join(this.#dir, "opt/app"), "utf8").trim());
    const tree = treesIn(this.disk);
    const storedValue = stored["rootfs-image-origin"];
    return {
      booted: await runningSlot(this.#dir),
      part: env.get("mender_boot_part") === String(BOARD_PARTITIONS.A) ? "A" : "B",
      trial: env.get("upgrade_available") === "1",
      count: Number(env.get("bootcount")),
      slots: { A: modelled(await inspectSlot(paths.slots.A)), B: modelled(await inspectSlot(paths.slots.B)) },
      storedValue: storedValue === "A" || storedValue === "B" ? storedValue : undefined,
      files: { tree, backup: false, software, running: software },
      snapshot: this.snapshot(),
      name: nameIn(stored),
      told: "",
    };
  }

  /** Version of the running image, if the image is complete. */
  async runs(): Promise<string | undefined> {
    const slot = await runningSlot(this.#dir);
    const content = slot && (await inspectSlot(boardPaths(this.#dir).slots[slot]));
    return content?.kind === "complete" ? content.version : undefined;
  }

  async #begin(command: string): Promise<void> {
    const invariants = this.#invariants;
    if (invariants === undefined) return;
    const before = await this.onDisk();
    this.disk.context = (): Context => ({ memory: invariants.memory, before });
    invariants.commandStarts(command);
  }
}

class HostIo extends RecordingIo {
  readonly host: Host;

  constructor(dir: string, host: Host) {
    super(false, { MENDER_CONF_DIR: join(dir, "etc"), MENDER_DATA_DIR: join(dir, "share") });
    this.host = host;
  }
}

/** Passes each snapshot that the agent considers durable to `invariants`. */
function watched(host: Host, dir: string, invariants: Invariants | undefined): Host {
  const { files } = host;
  const syncFolder = async (path: string): Promise<void> => {
    await files.syncFolder(path);
    if (path === join(dir, "data")) invariants?.saved(snapshotIn(dir));
  };
  return { ...host, files: { ...files, syncFolder } };
}

/** The running slot is a fact of the board's memory, not of its disk. */
function exceptRunning(acts: FileActs, running: string): FileActs {
  const isOurs = (path: string): boolean => !path.startsWith(running);
  return {
    ...acts,
    async writeSynced(path, content, mode) {
      if (isOurs(path)) await acts.writeSynced(path, content, mode);
      else writeFileSync(running, content);
    },
    rename: async (from, to) => (isOurs(to) ? acts.rename(from, to) : undefined),
    syncFolder: async (path) => (path !== dirname(running) ? acts.syncFolder(path) : undefined),
  };
}

type Stored = Readonly<Record<string, string>>;

function storedIn(dir: string): Stored {
  let text: string;
  try {
    text = readFileSync(join(dir, STORE), "utf8");
  } catch {
    // ignored: a board that was never updated has no store.
    return {};
  }
  return JSON.parse(text).values;
}

function snapshotIn(dir: string): Snapshot | undefined {
  const { state } = storedIn(dir);
  return state === undefined ? undefined : parseSnapshot(state);
}

/** The model's names for versions: a board starts with the old one. */
const imageNamed = (version: string): SlotImage => (version === "v1" ? "old" : version === "v2" ? "new" : "torn");

function modelled(content: SlotContent): SlotImage {
  if (content.kind !== "complete") return "torn";
  return content.boots === "yes" ? imageNamed(content.version) : "dead";
}

function nameIn(stored: Stored): string {
  const name = stored["artifact-name"] ?? "v1";
  return name.replace(/^v1/, "old").replace(/^v2/, "new");
}

function treesIn(disk: Disk): OnDisk["files"]["tree"] {
  return disk.paths().some((path) => path.endsWith("/tree")) ? "payload" : "none";
}
