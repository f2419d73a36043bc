import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { run } from "../../../src/cli/run.ts";
import { needs } from "../../support/needs.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { theirs } from "./run-tools.ts";

const { test } = needs("namespaces", "mount");

// The same module, and the same Artifact, in the real client and in ours. The real one finds the module through a
// mount namespace of the command's own, ours by MENDER_DATA_DIR.
const IN_NAMESPACE = [
  "set -e",
  'mount --bind "$1/modules/v3" /usr/share/mender/modules/v3',
  'mount --bind "$1/etc" /etc/mender',
  'shift; exec mender -d "$DATA" "$@"',
].join("\n");

let dir: string;
let artifact: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "switchback-calls-"));
  for (const folder of ["etc", "modules/v3"]) mkdirSync(join(dir, folder), { recursive: true });
  writeFileSync(join(dir, "etc/artifact_info"), "artifact_name=release-0\n");
  writeFileSync(join(dir, "etc/mender.conf"), '{ "DBus": { "Enabled": false } }');
  writeFileSync(join(dir, "payload"), "content\n");
  writeFileSync(join(dir, "meta.json"), '{ "a": { "b": [1, "two"] } }');
  artifact = join(dir, "release-1.mender");
  const options = ["-T", "recorder", "-t", "board", "-n", "release-1", "-g", "group-1", "-m", join(dir, "meta.json")];
  theirs("write", "module-image", ...options, "-f", join(dir, "payload"), "-o", artifact);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Ran {
  readonly calls: readonly string[];
  readonly exits: readonly number[];
  readonly provides: string;
  /** Whether the file tree is still there. */
  readonly tree: boolean;
}

type Client = (...args: readonly string[]) => Promise<{ readonly exitCode: number; readonly out: string }>;

/** On a busy machine the real client sometimes waits forever for a module that ends without opening its stream. */
class ClientHangs extends Error {}
const HANGS_MS = 15_000;
const ATTEMPTS = 3;

const real: Client = async (...args) => {
  const done = spawnSync("unshare", ["-m", "bash", "-c", IN_NAMESPACE, "bash", dir, ...args], {
    encoding: "utf8",
    env: { ...process.env, DATA: join(dir, "data") },
    timeout: HANGS_MS,
    killSignal: "SIGKILL",
  });
  if (done.signal === "SIGKILL") throw new ClientHangs(`mender ${args.join(" ")} did not end`);
  return { exitCode: done.status ?? 1, out: done.stdout };
};

const ours: Client = async (...args) => {
  const io = Object.assign(new RecordingIo(), { env: { MENDER_DATA_DIR: dir, MENDER_CONF_DIR: join(dir, "etc") } });
  await run("switchback", ["-d", join(dir, "data"), ...args], io);
  return { exitCode: io.exitCode, out: io.outLines.map((line) => `${line}\n`).join("") };
};

/** A client that hangs is started again: the test compares its calls, and not whether it ends. */
async function record(client: Client, cases: string, commands: readonly string[]): Promise<Ran> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await recordOnce(client, cases, commands);
    } catch (error) {
      if (!(error instanceof ClientHangs) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Runs `commands` on a device that was never updated; the module runs `cases` and records its calls. */
async function recordOnce(client: Client, cases: string, commands: readonly string[]): Promise<Ran> {
  const module = join(dir, "modules/v3/recorder");
  writeFileSync(module, `#!/bin/sh\necho "$1" >> ${dir}/calls\ncase "$1" in\n${cases}\nesac\n`);
  chmodSync(module, 0o755);
  for (const left of ["data", "calls", "seen"]) rmSync(join(dir, left), { recursive: true, force: true });
  mkdirSync(join(dir, "data"));
  writeFileSync(join(dir, "data/device_type"), "device_type=board\n");
  const exits: number[] = [];
  for (const command of commands) {
    exits.push((await client(command, ...(command === "install" ? [artifact] : []))).exitCode);
  }
  const calls = existsSync(join(dir, "calls")) ? readFileSync(join(dir, "calls"), "utf8").trim().split("\n") : [];
  const tree = existsSync(join(dir, "data/modules/v3/payloads/0000/tree"));
  return { calls, exits, provides: (await client("show-provides")).out, tree };
}

/** What the 3.4 client and Switchback print for a device that was never updated. */
const UNTOUCHED = { real: "", ours: "artifact_name=release-0\n" };
const UPDATED = "artifact_group=group-1\nartifact_name=release-1\nrootfs-image.recorder.version=release-1\n";
const BROKEN = UPDATED.replace("=release-1\n", "=release-1_INCONSISTENT\n");

const ROLLBACK = "SupportsRollback) echo Yes ;;\n";

interface Sequence {
  readonly name: string;
  readonly cases: string;
  readonly commands: readonly string[];
  readonly exits: readonly number[];
  readonly ends: "untouched" | "updated" | "broken";
  readonly real: string;
  readonly ours: string;
}

// The two generations ask at other moments, and the newest asks one question more. What they do is the same, but for
// ArtifactFailure at the end of a rollback that the user has asked for, which only the newest calls. Our `rollback` asks
// before it begins, so that it can refuse, and the update's table asks again.
const SEQUENCES: readonly Sequence[] = [
  {
    name: "an update without rollback",
    cases: "",
    commands: ["install"],
    exits: [0],
    ends: "updated",
    real: "Download SupportsRollback ArtifactInstall NeedsArtifactReboot ArtifactCommit Cleanup",
    ours: "ProvidePayloadFileSizes Download ArtifactInstall NeedsArtifactReboot SupportsRollback ArtifactCommit Cleanup",
  },
  {
    name: "an update that is committed",
    cases: ROLLBACK,
    commands: ["install", "commit"],
    exits: [0, 0],
    ends: "updated",
    real: "Download SupportsRollback ArtifactInstall NeedsArtifactReboot ArtifactCommit Cleanup",
    ours: "ProvidePayloadFileSizes Download ArtifactInstall NeedsArtifactReboot SupportsRollback ArtifactCommit Cleanup",
  },
  ...["Yes", "Automatic"].map(
    (need): Sequence => ({
      name: `an update that needs a reboot (${need}), which the user does`,
      cases: `${ROLLBACK}NeedsArtifactReboot) echo ${need} ;;`,
      commands: ["install", "commit"],
      exits: [0, 0],
      ends: "updated",
      real: "Download SupportsRollback ArtifactInstall NeedsArtifactReboot ArtifactCommit Cleanup",
      ours: "ProvidePayloadFileSizes Download ArtifactInstall NeedsArtifactReboot SupportsRollback ArtifactCommit Cleanup",
    }),
  ),
  {
    name: "an update that the user rolls back",
    cases: ROLLBACK,
    commands: ["install", "rollback"],
    exits: [0, 0],
    ends: "untouched",
    real: "Download SupportsRollback ArtifactInstall NeedsArtifactReboot SupportsRollback ArtifactRollback Cleanup",
    ours: "ProvidePayloadFileSizes Download ArtifactInstall NeedsArtifactReboot SupportsRollback SupportsRollback ArtifactRollback NeedsArtifactReboot ArtifactFailure Cleanup",
  },
  {
    name: "a rollback that fails",
    cases: `${ROLLBACK}ArtifactRollback) exit 1 ;;`,
    commands: ["install", "rollback"],
    exits: [0, 1],
    ends: "broken",
    real: "Download SupportsRollback ArtifactInstall NeedsArtifactReboot SupportsRollback ArtifactRollback ArtifactFailure Cleanup",
    ours: "ProvidePayloadFileSizes Download ArtifactInstall NeedsArtifactReboot SupportsRollback SupportsRollback ArtifactRollback ArtifactFailure Cleanup",
  },
  {
    name: "a Download that fails",
    cases: `${ROLLBACK}Download) exit 1 ;;`,
    commands: ["install"],
    exits: [1],
    ends: "untouched",
    real: "Download Cleanup",
    ours: "ProvidePayloadFileSizes Download Cleanup",
  },
  {
    name: "an ArtifactInstall that fails, without rollback",
    cases: "ArtifactInstall) exit 1 ;;",
    commands: ["install"],
    exits: [1],
    ends: "broken",
    real: "Download SupportsRollback ArtifactInstall SupportsRollback ArtifactFailure Cleanup",
    ours: "ProvidePayloadFileSizes Download ArtifactInstall SupportsRollback ArtifactFailure Cleanup",
  },
  {
    name: "an ArtifactInstall that fails, with rollback",
    cases: `${ROLLBACK}ArtifactInstall) exit 1 ;;`,
    commands: ["install"],
    exits: [1],
    ends: "untouched",
    real: "Download SupportsRollback ArtifactInstall SupportsRollback ArtifactRollback ArtifactFailure Cleanup",
    ours: "ProvidePayloadFileSizes Download ArtifactInstall SupportsRollback ArtifactRollback NeedsArtifactReboot ArtifactFailure Cleanup",
  },
  {
    name: "an answer to NeedsArtifactReboot that is none",
    cases: `${ROLLBACK}NeedsArtifactReboot) echo Maybe ;;`,
    commands: ["install"],
    exits: [1],
    ends: "untouched",
    real: "Download SupportsRollback ArtifactInstall NeedsArtifactReboot SupportsRollback ArtifactRollback ArtifactFailure Cleanup",
    ours: "ProvidePayloadFileSizes Download ArtifactInstall NeedsArtifactReboot SupportsRollback ArtifactRollback NeedsArtifactReboot ArtifactFailure Cleanup",
  },
  {
    name: "an ArtifactFailure that fails",
    cases: `${ROLLBACK}ArtifactInstall|ArtifactFailure) exit 1 ;;`,
    commands: ["install"],
    exits: [1],
    ends: "broken",
    real: "Download SupportsRollback ArtifactInstall SupportsRollback ArtifactRollback ArtifactFailure Cleanup",
    ours: "ProvidePayloadFileSizes Download ArtifactInstall SupportsRollback ArtifactRollback NeedsArtifactReboot ArtifactFailure Cleanup",
  },
  {
    name: "an ArtifactCommit that fails, without rollback",
    cases: "ArtifactCommit) exit 1 ;;",
    commands: ["install"],
    exits: [1],
    ends: "broken",
    real: "Download SupportsRollback ArtifactInstall NeedsArtifactReboot ArtifactCommit SupportsRollback ArtifactFailure Cleanup",
    ours: "ProvidePayloadFileSizes Download ArtifactInstall NeedsArtifactReboot SupportsRollback ArtifactCommit SupportsRollback ArtifactFailure Cleanup",
  },
  {
    name: "an ArtifactCommit that fails, with rollback",
    cases: `${ROLLBACK}ArtifactCommit) exit 1 ;;`,
    commands: ["install", "commit"],
    exits: [0, 1],
    ends: "untouched",
    real: "Download SupportsRollback ArtifactInstall NeedsArtifactReboot ArtifactCommit SupportsRollback ArtifactRollback ArtifactFailure Cleanup",
    ours: "ProvidePayloadFileSizes Download ArtifactInstall NeedsArtifactReboot SupportsRollback ArtifactCommit SupportsRollback ArtifactRollback NeedsArtifactReboot ArtifactFailure Cleanup",
  },
  {
    name: "a Cleanup that fails",
    cases: `${ROLLBACK}Cleanup) exit 1 ;;`,
    commands: ["install", "commit"],
    exits: [0, 1],
    ends: "updated",
    real: "Download SupportsRollback ArtifactInstall NeedsArtifactReboot ArtifactCommit Cleanup",
    ours: "ProvidePayloadFileSizes Download ArtifactInstall NeedsArtifactReboot SupportsRollback ArtifactCommit Cleanup",
  },
];

const QUESTIONS: readonly string[] = ["ProvidePayloadFileSizes", "SupportsRollback", "NeedsArtifactReboot"];
const actionsOf = (calls: readonly string[]): string[] => calls.filter((call) => !QUESTIONS.includes(call));

test("after Download_Enter scripts that fail the module is called by neither client", async () => {
  const scripts = join(dir, "etc/scripts");
  mkdirSync(scripts);
  writeFileSync(join(scripts, "version"), "3");
  writeFileSync(join(scripts, "Download_Enter_10"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  try {
    for (const client of [real, ours])
      expect(await record(client, "", ["install"])).toMatchObject({ calls: [], exits: [1], tree: false });
  } finally {
    rmSync(scripts, { recursive: true });
  }
});

test.each(SEQUENCES)("$name calls the module, and ends, as in the real client", async (sequence) => {
  const { cases, commands, exits, ends } = sequence;
  const both = { real: await record(real, cases, commands), ours: await record(ours, cases, commands) };
  for (const client of ["real", "ours"] as const) {
    const provides = { untouched: UNTOUCHED[client], updated: UPDATED, broken: BROKEN }[ends];
    expect(both[client], client).toEqual({ calls: expect.anything(), exits, provides, tree: false });
  }
  expect(both.real.calls.join(" ")).toBe(sequence.real);
  expect(both.ours.calls.join(" ")).toBe(sequence.ours);
  const endsOnRequest = sequence.name === "an update that the user rolls back" ? ["ArtifactFailure"] : [];
  const actions = actionsOf(both.ours.calls).filter((call) => !endsOnRequest.includes(call));
  expect(actions).toEqual(actionsOf(both.real.calls));
});

test("the file tree holds the same in both clients, but for newlines at the ends of files", async () => {
  const look = [
    `find . -path ./streams/payload -prune -o -printf '%P %m %y\\n' | sort > ${"$SEEN"}`,
    `for file in version current_* header/*; do printf '%s: %s\\n' "$file" "$(cat "$file")"; done >> ${"$SEEN"}`,
  ].join("\n");
  const seen = async (client: Client): Promise<string> => {
    await record(client, `Download) ${look.replaceAll("$SEEN", join(dir, "seen"))} ;;`, ["install"]);
    return readFileSync(join(dir, "seen"), "utf8");
  };
  const inReal = await seen(real);
  expect(inReal).toContain("header/meta-data 600 f\n");
  expect(inReal).toContain("header/artifact_group: group-1\n");
  expect(await seen(ours)).toBe(inReal);
});

test("a payload streams into the module, or lies in files/, as in the real client", async () => {
  const stream = 'line="$(cat stream-next)"; cat "$line" > tmp/payload; cat stream-next > tmp/end';
  for (const download of [stream, "true"]) {
    const keep = `find files tmp -type f -printf '%p %m %s\\n' 2>/dev/null | sort > ${join(dir, "seen")}`;
    const cases = `Download) ${download} ;;\nArtifactInstall) ${keep} ;;`;
    const seen: string[] = [];
    for (const client of [real, ours]) {
      expect((await record(client, cases, ["install"])).exits).toEqual([0]);
      seen.push(readFileSync(join(dir, "seen"), "utf8").replace(/(tmp\/\S+) \d+/g, "$1"));
    }
    expect(seen[0]).toBe(download === "true" ? "files/payload 600 8\n" : "tmp/end 0\ntmp/payload 8\n");
    expect(seen[1]).toBe(seen[0]);
  }
});
