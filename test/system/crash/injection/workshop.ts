import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BoardImageBoots } from "../../../../src/agent/device/board.ts";
import { type Part, severalPayloads } from "../../../artifact/several-payloads.ts";
import { startProgram } from "../../../support/built-program.ts";
import { MEMORY_FOLDER, TestBoard } from "../../../support/test-board.ts";
import { Disk } from "./disk.ts";
import type { Image } from "./disk-image.ts";
import { FAILING, scriptText } from "./programs.ts";

const SLOT_KIB = 96;
const ROOTFS_SCRIPTS = ["Download_Enter_00", "Download_Leave_00"];
const ARTIFACT_SCRIPTS = [
  ...["ArtifactInstall_Enter_00", "ArtifactInstall_Leave_00", "ArtifactCommit_Enter_00", "ArtifactCommit_Leave_00"],
  ...["ArtifactRollback_Enter_00", "ArtifactFailure_Enter_00"],
];

/** Provides what the power cuts need: a factory-new board that was switched on once, and Artifacts for it. */
export class Workshop {
  /** A board with v1 in slot A, its own scripts and an update module. */
  readonly factory: Image;
  readonly artifacts: string;
  /** Folder in which a run's board is visible. Only one run at a time may use it. */
  readonly dir: string;
  readonly #folder: string;
  readonly #made: TestBoard;

  static async open(): Promise<Workshop> {
    const made = await TestBoard.make({ slotKib: SLOT_KIB, imageKib: SLOT_KIB, parent: MEMORY_FOLDER });
    const folder = await mkdtemp(join(MEMORY_FOLDER, "switchback-crash-"));
    for (const path of ["etc/scripts", "share/modules/v3", "opt"]) await mkdir(made.path(path), { recursive: true });
    await writeFile(made.path("etc/scripts/version"), "3");
    for (const name of ROOTFS_SCRIPTS) {
      await writeFile(made.path(`etc/scripts/${name}`), scriptText(name, "rootfs"), { mode: 0o755 });
    }
    await writeFile(made.path("share/modules/v3/app"), "runs in the test's process", { mode: 0o755 });
    await writeFile(made.path("opt/app"), "v1");
    await writeFile(made.path("proc/cmdline"), "");
    // The configuration names the slots by path, so the path must be that of every run's board.
    await made.configure({
      RootfsPartA: join(folder, "board/slots/rootfs2"),
      RootfsPartB: join(folder, "board/slots/rootfs3"),
      Switchback: { Bootloader: "fake", Board: join(folder, "board") },
    });
    await startProgram("mkfifo", [join(folder, "board.fifo")]).ended;
    const workshop = new Workshop(made, folder);
    await workshop.#release("v2", { image: "yes", scripts: ["ArtifactInstall_Enter_00"] });
    await workshop.#release("v2", { file: "hangs", image: "hangs" });
    await workshop.#release("v2", { file: "fails", app: FAILING, scripts: ARTIFACT_SCRIPTS });
    await workshop.#release("v2", { file: "both", image: "yes", app: "v2", scripts: ARTIFACT_SCRIPTS });
    await workshop.#release("v3", { image: "yes", scripts: ["ArtifactCommit_Enter_00"] });
    return workshop;
  }

  private constructor(made: TestBoard, folder: string) {
    this.#made = made;
    this.#folder = folder;
    this.factory = Disk.imageOf(made.dir);
    this.artifacts = folder;
    this.dir = join(folder, "board");
  }

  async close(): Promise<void> {
    await this.#made.remove();
    await rm(this.#folder, { recursive: true });
  }

  async #release(version: string, { file = version, image, app, scripts = [] }: Release): Promise<void> {
    const parts: Part[] = [];
    if (image !== undefined) {
      const data = await readFile(await this.#made.image(version, image, SLOT_KIB));
      parts.push({ type: "rootfs-image", files: { "rootfs.img": data } });
    }
    if (app !== undefined) parts.push({ type: "app", files: { app } });
    const texts = Object.fromEntries(scripts.map((name) => [name, scriptText(name, version)]));
    await writeFile(join(this.artifacts, `${file}.mender`), severalPayloads(version, parts, texts));
  }
}

interface Release {
  readonly file?: string;
  readonly image?: BoardImageBoots;
  readonly app?: string;
  readonly scripts?: readonly string[];
}
