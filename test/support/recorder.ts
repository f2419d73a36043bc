import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { TestBoard } from "./test-board.ts";

const ROOTFS_STATES = ["Download"];
const ARTIFACT_STATES = ["Install", "Reboot", "Commit", "Rollback", "RollbackReboot", "Failure"].map(
  (state) => `Artifact${state}`,
);
const scriptsOf = (states: readonly string[]): readonly string[] =>
  states.flatMap((state) => ["Enter", "Leave", "Error"].map((action) => `${state}_${action}`));

/** Update modules, and state scripts for every state, that record each call. */
export class Recorder {
  readonly #board: TestBoard;

  constructor(board: TestBoard) {
    this.#board = board;
  }

  /** Writes the scripts of the root filesystem to the board. @returns the files of an Artifact's scripts */
  async scripts(): Promise<readonly string[]> {
    const rootfs = this.#board.path("etc/scripts");
    await mkdir(rootfs, { recursive: true });
    for (const name of scriptsOf(ROOTFS_STATES)) await this.#script(`${rootfs}/${name}_00`);
    const files = scriptsOf(ARTIFACT_STATES).map((name) => this.#board.file(`${name}_00`));
    for (const file of files) await this.#script(file);
    return files;
  }

  /** Adds an update module that copies its payload's files into the board's folder `TYPE`. */
  async module(type: string, answers: Readonly<Record<string, string>> = {}): Promise<string> {
    const folder = this.#board.path("share/modules/v3");
    const target = this.#board.path(type);
    await mkdir(folder, { recursive: true });
    const cases = Object.entries({ SupportsRollback: "Yes", ...answers }).map(
      ([call, text]) => `${call}) echo ${text};;`,
    );
    const lines = [
      `mkdir -p '${target}'`,
      ...this.#record(`${type}:$1`),
      'case "$1" in',
      ...cases,
      `ArtifactInstall) cp '${target}/content' tmp/old 2>&1; cp files/* '${target}/content';;`,
      `ArtifactRollback) rm -f '${target}/content'; if [ -e tmp/old ]; then cp tmp/old '${target}/content'; fi;;`,
      "esac",
    ];
    await writeFile(`${folder}/${type}`, `#!/bin/sh\n${lines.join("\n")}\n`, { mode: 0o755 });
    return target;
  }

  /** Makes the scripts and calls of these names fail from now on. */
  async fail(...names: readonly string[]): Promise<void> {
    await writeFile(this.#board.path("failing"), names.map((name) => `${name}\n`).join(""));
  }

  /** The calls since the last `take`. */
  async take(): Promise<string> {
    const log = this.#board.path("calls");
    const text = await readFile(log, "utf8").catch(() => {
      // ignored: nothing has been called yet.
      return "";
    });
    await writeFile(log, "");
    return text.trim().replaceAll("_00", "").replaceAll("\n", " ");
  }

  async #script(path: string): Promise<void> {
    await writeFile(path, `#!/bin/sh\n${this.#record('$(basename "$0" _00)').join("\n")}\n`, { mode: 0o755 });
  }

  #record(name: string): readonly string[] {
    const failing = this.#board.path("failing");
    return [
      `name="${name}"`,
      `echo "$name" >> '${this.#board.path("calls")}'`,
      `if [ -e '${failing}' ] && grep -qx "$name" '${failing}'; then exit 1; fi`,
    ];
  }
}
