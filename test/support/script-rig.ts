import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { run } from "../../src/cli/run.ts";
import { moduleRequest } from "../artifact/artifact-requests.ts";
import { RecordingIo } from "./recording-io.ts";
import { writeArtifact } from "./write-artifact.ts";

const scripts = (states: readonly string[]): readonly string[] =>
  states.flatMap((state) => ["Enter", "Leave", "Error"].map((action) => `${state}_${action}`));
const ROOTFS = scripts(["Idle", "Sync", "Download"]);
const ARTIFACT = scripts(
  ["Install", "Reboot", "Commit", "Rollback", "RollbackReboot", "Failure"].map((s) => `Artifact${s}`),
);
const QUESTIONS = "ProvidePayloadFileSizes|SupportsRollback|NeedsArtifactReboot";
/** The daemon of the real client refuses an Artifact of less than 4 KiB. */
const PAYLOAD_BYTES = 8 * 1024;
/** An answer: 21 until the script has asked for another try for as long as it may, and 0 from then on. */
const ALWAYS_LATER = "21...";

export type Client = (rig: ScriptRig, ...args: readonly string[]) => Promise<number>;

export const ours: Client = async ({ dir }, ...args) => {
  const io = Object.assign(new RecordingIo(), { env: { MENDER_DATA_DIR: dir, MENDER_CONF_DIR: join(dir, "etc") } });
  await run("switchback", ["-d", join(dir, "data"), ...args], io);
  return io.exitCode;
};

/** The real client finds the module and the configuration through a mount namespace of the command's own. */
const IN_NAMESPACE = [
  "set -e",
  'mount --bind "$1/modules/v3" /usr/share/mender/modules/v3',
  'mount --bind "$1/etc" /etc/mender',
  'data="$1/data"; shift; exec mender -d "$data" "$@"',
].join("\n");

export const mender: Client = async ({ dir }, ...args) => {
  const done = spawnSync("unshare", ["-m", "bash", "-c", IN_NAMESPACE, "bash", dir, ...args], { encoding: "utf8" });
  return done.status ?? 1;
};

export const RECORD = "test/support/script-record.txt";
const ALL_SUCCEED = "all succeed";

/** What the real client, mender 3.4, ran in one case. */
export interface Recorded {
  /** The commands, and the scripts and calls that did not exit with 0. */
  readonly title: string;
  readonly commands: string;
  readonly answers: readonly string[];
  readonly ran: string;
}

/** One case on each line, as `writeRecord` writes them. */
export const readRecord = (path: string): readonly Recorded[] =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const [title = "", ran = ""] = line.split(" -> ");
      const [commands = "", answers = ""] = title.split(": ");
      return { title, commands, answers: answers === ALL_SUCCEED ? [] : answers.split(", "), ran };
    });

export const writeRecord = (path: string, all: readonly Recorded[]): void =>
  writeFileSync(path, all.map(({ title, ran }) => `${title} -> ${ran}\n`).join(""));

/** A device whose state scripts and update module record each call, and exit with the status that the test sets. */
export class ScriptRig {
  readonly dir: string;

  /** @param configuration more keys of mender.conf */
  static async make(configuration: object = {}): Promise<ScriptRig> {
    const rig = new ScriptRig(await mkdtemp(join(tmpdir(), "switchback-matrix-")));
    for (const folder of ["etc/scripts", "modules/v3", "scripts"])
      await mkdir(join(rig.dir, folder), { recursive: true });
    await writeFile(join(rig.dir, "etc/artifact_info"), "artifact_name=old\n");
    const always = { DBus: { Enabled: false }, StateScriptRetryIntervalSeconds: 1 };
    await writeFile(join(rig.dir, "etc/mender.conf"), JSON.stringify({ ...always, ...configuration }));
    await writeFile(join(rig.dir, "etc/scripts/version"), "3");
    for (const name of ROOTFS) await rig.#program(`etc/scripts/${name}_00`, name);
    for (const name of ARTIFACT) await rig.#program(`scripts/${name}_00`, name);
    await rig.#program("modules/v3/recorder", "$1", [
      `case "$1" in ${QUESTIONS}) [ ! -e "$answers" ] || cat "$answers"; exit 0;; esac`,
      'if [ "$1" = Download ]; then cat "$(cat stream-next)" stream-next >/dev/null; fi',
    ]);
    await writeFile(join(rig.dir, "payload"), randomBytes(PAYLOAD_BYTES));
    const request = moduleRequest({ type: "recorder", files: [join(rig.dir, "payload")] }, { name: "new" });
    const change = { deviceTypes: ["board"], scripts: [join(rig.dir, "scripts")] };
    await writeArtifact({ ...request, ...change }, rig.artifact, () => undefined, new AbortController().signal);
    return rig;
  }

  private constructor(dir: string) {
    this.dir = dir;
  }

  remove(): Promise<void> {
    return rm(this.dir, { recursive: true });
  }

  /**
   * Runs the commands on a device that has never been updated.
   *
   * @param answers as for `prepare`
   * @returns what has run, and what each command ended with
   */
  async record(client: Client, commands: string, answers: readonly string[]): Promise<string> {
    await this.prepare(answers);
    const recorded: string[] = [];
    for (const command of commands.split(" ")) {
      await writeFile(this.calls, "");
      const status = await client(this, command, ...(command === "install" ? [this.artifact] : []));
      recorded.push(`${(await this.called()).join(" ")} =${status}`.trim());
    }
    return recorded.join(" | ");
  }

  /** The Artifact, `new`. */
  get artifact(): string {
    return join(this.dir, "new.mender");
  }

  /** File with a line for each script and call that has run. */
  get calls(): string {
    return join(this.dir, "calls");
  }

  async called(): Promise<readonly string[]> {
    return (await readFile(this.calls, "utf8")).trim().split("\n");
  }

  /**
   * Makes the device one that has never been updated.
   *
   * @param answers what scripts and calls answer, one time after the other, where that is not 0: `NAME STATUS…`
   */
  async prepare(answers: readonly string[]): Promise<void> {
    for (const folder of ["data", "answers"]) {
      await rm(join(this.dir, folder), { recursive: true, force: true });
      await mkdir(join(this.dir, folder));
    }
    await writeFile(join(this.dir, "data/device_type"), "device_type=board\n");
    await writeFile(this.calls, "");
    for (const line of ["SupportsRollback Yes", ...answers]) {
      const [name = "", ...statuses] = line.split(" ");
      await writeFile(join(this.dir, "answers", name), `${statuses.join(" ")}\n`);
    }
  }

  /** What a call of `program` does, in this process; that of Download takes none but the module's own. */
  call(program: string, call?: string): { readonly exitCode: number; readonly stdout: string } {
    const name = call ?? basename(program).replace("_00", "");
    const path = join(this.dir, "answers", name);
    const given = existsSync(path) ? readFileSync(path, "utf8") : "0";
    if (QUESTIONS.split("|").includes(name)) return { exitCode: 0, stdout: existsSync(path) ? given : "" };
    const before = readFileSync(this.calls, "utf8").trim().split("\n");
    appendFileSync(this.calls, `${name}\n`);
    const statuses = given.trim().split(" ");
    const earlier = before.filter((line) => line === name).length;
    if (statuses[0] !== ALWAYS_LATER) return { exitCode: Number(statuses[earlier] ?? 0), stdout: "" };
    return { exitCode: earlier === 0 || before.at(-1) === name ? 21 : 0, stdout: "" };
  }

  /** A program that is known by `name`, which the shell expands. */
  async #program(path: string, name: string, before: readonly string[] = []): Promise<void> {
    const lines = [
      "#!/bin/sh",
      `calls='${this.dir}/calls' name="${name}" answers='${this.dir}/answers/'"${name}"`,
      ...before,
      // Most scripts exit with 0 without starting another program, because a matrix starts thousands of them.
      '[ -e "$answers" ] || { echo "$name" >>"$calls"; exit 0; }',
      'last=$(tail -n 1 "$calls"); echo "$name" >>"$calls"; time=$(grep -cx "$name" "$calls")',
      'set -- $(cat "$answers") 0',
      `if [ "$1" = ${ALWAYS_LATER} ]; then [ "$time" -gt 1 ] && [ "$last" != "$name" ]; exit $((21 * $?)); fi`,
      `while [ "$time" -gt 1 ] && [ $# -gt 1 ]; do shift; time=$((time - 1)); done`,
      'exit "$1"',
    ];
    await writeFile(join(this.dir, path), `${lines.join("\n")}\n`, { mode: 0o755 });
  }
}
