import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { TestBoard } from "./test-board.ts";

const ROOTFS_STATES = ["Download"];
const ARTIFACT_STATES = ["Install", "Reboot", "Commit", "Rollback", "RollbackReboot", "Failure"].map(
  (state) => `Artifact${state}`,
);
const scriptsOf = (states: readonly string[]): readonly string[] =>
  states.flatMap((state) => ["Enter", "Leave", "Error"].map((action) => `${state}_${action}`));

/** State scripts of every state, and update modules, that write down that they have been called. */
export class Recorder {
  readonly #board: TestBoard;

  constructor(board: TestBoard) {
    this.#board = board;
  }

  /** Scripts of the root filesystem onto the board. @returns those of an Artifact, as files */
  async scripts(): Promise<readonly string[]> {
    const rootfs = this.#board.path("etc/scripts");
    await mkdir(rootfs, { recursive: true });
    for (const name of scriptsOf(ROOTFS_STATES)) await this.#script(`${rootfs}/${name}_00`);
    const files = scriptsOf(ARTIFACT_STATES).map((name) => this.#board.file(`${name}_00`));
    for (const file of files) await this.#script(file);
    return files;
  }

  /** An update module that copies its payload's files into the board's folder `TYPE`. */
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

  /** From now on the scripts and calls of these names fail. */
  async fail(...names: readonly string[]): Promise<void> {
    await writeFile(this.#board.path("failing"), names.map((name) => `${name}\n`).join(""));
  }

  /** What has been called since the last time that somebody asked. */
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
