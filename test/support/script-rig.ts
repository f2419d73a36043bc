import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/cli/run.ts";
import { moduleRequest } from "../artifact/artifact-requests.ts";
import { RecordingIo } from "./recording-io.ts";
import { writeArtifact } from "./write-artifact.ts";

const scripts = (states: readonly string[]): readonly string[] =>
  states.flatMap((state) => ["Enter", "Leave", "Error"].map((action) => `${state}_${action}`));
const ROOTFS = scripts(["Download"]);
const ARTIFACT = scripts(
  ["Install", "Reboot", "Commit", "Rollback", "RollbackReboot", "Failure"].map((s) => `Artifact${s}`),
);
const QUESTIONS = "ProvidePayloadFileSizes|SupportsRollback|NeedsArtifactReboot";

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

const RECORD = "test/support/script-record.txt";
const ALL_SUCCEED = "all succeed";

/** What the real client, mender 3.4, ran in one case. */
export interface Recorded {
  /** The commands, and what did not answer 0. */
  readonly title: string;
  readonly commands: string;
  readonly answers: readonly string[];
  readonly ran: string;
}

/** One case a line, as `writeRecord` writes them. */
export const RECORDED: readonly Recorded[] = readFileSync(RECORD, "utf8")
  .trim()
  .split("\n")
  .map((line) => {
    const [title = "", ran = ""] = line.split(" -> ");
    const [commands = "", answers = ""] = title.split(": ");
    return { title, commands, answers: answers === ALL_SUCCEED ? [] : answers.split(", "), ran };
  });

export const writeRecord = (all: readonly Recorded[]): void =>
  writeFileSync(RECORD, all.map(({ title, ran }) => `${title} -> ${ran}\n`).join(""));

/** A device whose state scripts and whose update module write down that they have been called, and answer as told. */
export class ScriptRig {
  readonly dir: string;

  static async make(): Promise<ScriptRig> {
    const rig = new ScriptRig(await mkdtemp(join(tmpdir(), "switchback-matrix-")));
    for (const folder of ["etc/scripts", "modules/v3", "scripts"])
      await mkdir(join(rig.dir, folder), { recursive: true });
    await writeFile(join(rig.dir, "etc/artifact_info"), "artifact_name=old\n");
    const configuration = { DBus: { Enabled: false }, StateScriptRetryIntervalSeconds: 1 };
    await writeFile(join(rig.dir, "etc/mender.conf"), JSON.stringify(configuration));
    await writeFile(join(rig.dir, "etc/scripts/version"), "3");
    for (const name of ROOTFS) await rig.#program(`etc/scripts/${name}_00`, '"$(basename "$0" _00)"');
    for (const name of ARTIFACT) await rig.#program(`scripts/${name}_00`, '"$(basename "$0" _00)"');
    await rig.#program("modules/v3/recorder", '"$1"', [
      `case "$1" in ${QUESTIONS}) sed -n "s/^$1 //p" '${rig.dir}/answers'; exit 0;; esac`,
      'if [ "$1" = Download ]; then cat "$(cat stream-next)" stream-next >/dev/null; fi',
    ]);
    await writeFile(join(rig.dir, "payload"), "content\n");
    const request = moduleRequest({ type: "recorder", files: [join(rig.dir, "payload")] }, { name: "new" });
    const change = { deviceTypes: ["board"], scripts: [join(rig.dir, "scripts")] };
    await writeArtifact(
      { ...request, ...change },
      join(rig.dir, "new.mender"),
      () => undefined,
      new AbortController().signal,
    );
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
   * @param answers what scripts and calls answer, one time after the other, where that is not 0: `NAME STATUS…`
   * @returns what has run, and what each command ended with
   */
  async record(client: Client, commands: string, answers: readonly string[]): Promise<string> {
    await rm(join(this.dir, "data"), { recursive: true, force: true });
    await mkdir(join(this.dir, "data"));
    await writeFile(join(this.dir, "data/device_type"), "device_type=board\n");
    await writeFile(
      join(this.dir, "answers"),
      ["SupportsRollback Yes", ...answers].map((line) => `${line}\n`).join(""),
    );
    const recorded: string[] = [];
    for (const command of commands.split(" ")) {
      await writeFile(join(this.dir, "calls"), "");
      const status = await client(this, command, ...(command === "install" ? [join(this.dir, "new.mender")] : []));
      const calls = (await readFile(join(this.dir, "calls"), "utf8")).trim().replaceAll("\n", " ");
      recorded.push(`${calls} =${status}`.trim());
    }
    return recorded.join(" | ");
  }

  /** A program that is known by `name`, which the shell expands. */
  async #program(path: string, name: string, before: readonly string[] = []): Promise<void> {
    const lines = [
      "#!/bin/sh",
      `name=${name}`,
      ...before,
      `echo "$name" >>'${this.dir}/calls'`,
      `time=$(grep -cx "$name" '${this.dir}/calls')`,
      `set -- $(sed -n "s/^$name //p" '${this.dir}/answers') 0`,
      `while [ "$time" -gt 1 ] && [ $# -gt 1 ]; do shift; time=$((time - 1)); done`,
      'exit "$1"',
    ];
    await writeFile(join(this.dir, path), `${lines.join("\n")}\n`, { mode: 0o755 });
  }
}
