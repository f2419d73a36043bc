import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { BENCH_DEVICE_TYPE, type BoardRun, ClientBoard, makeImage } from "../../../scripts/lib/client-board.ts";
import { needs } from "../../support/needs.ts";

const { test } = needs("mount", "loop", "ext4", "namespaces");

const REAL = ["mender", "-c", "/etc/mender/mender.conf", "-d", "/data"];
const OURS = ["node", "/project/dist/switchback.mjs", "-d", "/data"];
type Client = typeof REAL;
type Step = readonly ["A" | "B", ...string[]];

/** Records its name, then runs the rest. */
const noting = (then = ""): string => `#!/bin/sh\necho "\${0##*/}" >>/data/ran\n${then}\n`;
/** Returns the given statuses one after the other, and then 0. */
const answering = (...statuses: readonly number[]): string =>
  noting(
    `set -- ${statuses.join(" ")}\nshift $(($(grep -c "^\${0##*/}$" /data/ran) - 1)) 2>/dev/null || exit 0\nexit "\${1:-0}"`,
  );

let dir: string;
let board: ClientBoard;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "switchback-scripts-"));
  mkdirSync(join(dir, "stage"));
  makeImage(join(dir, "image.ext4"), 8, join(dir, "stage"));
  board = new ClientBoard(10);
  board.configure({ StateScriptRetryIntervalSeconds: 1 });
});
afterAll(() => {
  board.close();
  rmSync(dir, { recursive: true, force: true });
});
const rootfsScripts = (): string => join(board.dir, "etc/mender/scripts");
beforeEach(() => {
  rmSync(rootfsScripts(), { recursive: true, force: true });
  mkdirSync(rootfsScripts());
  writeFileSync(join(rootfsScripts(), "version"), "3");
});

function rootfs(name: string, text = noting(), mode = 0o755): void {
  writeFileSync(join(rootfsScripts(), name), text);
  chmodSync(join(rootfsScripts(), name), mode);
}

let made = 0;
/** An Artifact of the real tool, with scripts that record their names, some of which do more. */
function artifact(names: readonly string[], special: Readonly<Record<string, string>> = {}): string {
  const own = join(dir, `artifact-${++made}`);
  mkdirSync(own);
  const all = { ...Object.fromEntries(names.map((name) => [name, noting()])), ...special };
  for (const [name, text] of Object.entries(all)) writeFileSync(join(own, name), text, { mode: 0o755 });
  const path = join(own, "release.mender");
  const scripts = Object.keys(all).flatMap((name) => ["-s", join(own, name)]);
  const args = ["-t", BENCH_DEVICE_TYPE, "-n", "release-1", "-f", join(dir, "image.ext4"), "-o", path, "--no-progress"];
  const done = spawnSync("mender-artifact", ["write", "rootfs-image", ...args, ...scripts], { encoding: "utf8" });
  expect(done.status, done.stderr).toBe(0);
  return path;
}

interface Ran {
  readonly scripts: readonly string[];
  readonly exitCodes: readonly number[];
  readonly runs: readonly BoardRun[];
}

function ranBy(client: Client, ...steps: readonly Step[]): Ran {
  board.resetEnvironment();
  const runs = steps.map(([slot, ...args]) => board.run(slot, [...client, ...args]));
  const ran = join(board.dir, "data/ran");
  const scripts = existsSync(ran) ? readFileSync(ran, "utf8").trim().split("\n") : [];
  return { scripts, exitCodes: runs.map(({ exitCode }) => exitCode), runs };
}

const said = ({ runs }: Ran): string => runs.map(({ stdout, stderr }) => stdout + stderr).join("");

const STATES = ["Install", "Reboot", "Commit", "Rollback", "RollbackReboot", "Failure"];
const EVERY = STATES.flatMap((state) => ["Enter", "Leave", "Error"].map((action) => `Artifact${state}_${action}_50`));

function everyRootfs(): void {
  for (const state of ["Idle", "Sync", "Download"]) {
    for (const action of ["Enter", "Leave", "Error"]) rootfs(`${state}_${action}_50`);
  }
}

const INSTALLED = ["Download_Enter_50", "Download_Leave_50", "ArtifactInstall_Enter_50", "ArtifactInstall_Leave_50"];
const ROLLED_BACK = ["ArtifactRollback_Enter_50", "ArtifactRollback_Leave_50"];
const FAILED = ["ArtifactFailure_Enter_50", "ArtifactFailure_Leave_50"];

test("an update runs the scripts of its states, each set in the order of its bytes, as in the real client", () => {
  everyRootfs();
  rootfs("Download_Enter_1", noting("exit 1"));
  const numbered = ["10", "09", "05_c", "05_b", "05_B", "05"].map((order) => `ArtifactInstall_Enter_${order}`);
  const release = artifact([...EVERY, ...numbered]);
  const ours = ranBy(OURS, ["A", "install", release], ["B", "commit"]);
  expect(ours.exitCodes).toEqual([0, 0]);
  expect(ours.scripts).toEqual([
    "Download_Enter_50",
    "Download_Leave_50",
    "ArtifactInstall_Enter_05",
    "ArtifactInstall_Enter_05_B",
    "ArtifactInstall_Enter_05_b",
    "ArtifactInstall_Enter_05_c",
    "ArtifactInstall_Enter_09",
    "ArtifactInstall_Enter_10",
    "ArtifactInstall_Enter_50",
    "ArtifactInstall_Leave_50",
    "ArtifactCommit_Enter_50",
    "ArtifactCommit_Leave_50",
  ]);
  expectSame(ours, ranBy(REAL, ["A", "install", release], ["B", "commit"]));
});

test("a script that answers 21 twice runs three times, as in the real client", () => {
  everyRootfs();
  const release = artifact(EVERY, { ArtifactInstall_Enter_20: answering(21, 21) });
  const ours = ranBy(OURS, ["A", "install", release]);
  const [entering, left, ...rest] = INSTALLED;
  expect(ours.scripts).toEqual([entering, left, ...Array(3).fill("ArtifactInstall_Enter_20"), ...rest]);
  expectSame(ours, ranBy(REAL, ["A", "install", release]));
});

/** A script that fails, the exit statuses of install and commit, and what has run by the end. */
const FAILURES: readonly (readonly [string, readonly number[], readonly string[]])[] = [
  [
    "ArtifactInstall_Enter_20",
    [1, 2],
    [...INSTALLED.slice(0, 2), "ArtifactInstall_Enter_20", "ArtifactInstall_Error_50", ...ROLLED_BACK, ...FAILED],
  ],
  [
    "ArtifactInstall_Leave_20",
    [1, 2],
    [...INSTALLED.slice(0, 3), "ArtifactInstall_Leave_20", "ArtifactInstall_Error_50", ...ROLLED_BACK, ...FAILED],
  ],
  [
    "ArtifactCommit_Enter_20",
    [0, 1],
    [...INSTALLED, "ArtifactCommit_Enter_20", "ArtifactCommit_Error_50", ...ROLLED_BACK, ...FAILED],
  ],
  [
    "ArtifactCommit_Leave_20",
    [0, 1],
    [...INSTALLED, "ArtifactCommit_Enter_50", "ArtifactCommit_Leave_20", "ArtifactCommit_Error_50"],
  ],
];
for (const [name, exitCodes, scripts] of FAILURES) {
  test(`when ${name} fails, the same scripts run as in the real client`, () => {
    everyRootfs();
    const release = artifact(EVERY, { [name]: noting("exit 1") });
    const ours = ranBy(OURS, ["A", "install", release], ["B", "commit"]);
    expect(ours).toMatchObject({ exitCodes, scripts });
    expectSame(ours, ranBy(REAL, ["A", "install", release], ["B", "commit"]));
  });
}

test("scripts that handle a failure all run, whatever they return, as in the real client", () => {
  const failing = noting("exit 1");
  const release = artifact(EVERY, { ArtifactInstall_Enter_20: failing, ArtifactInstall_Error_20: failing });
  const ours = ranBy(OURS, ["A", "install", release]);
  expect(ours.scripts.slice(1, 3)).toEqual(["ArtifactInstall_Error_20", "ArtifactInstall_Error_50"]);
  expectSame(ours, ranBy(REAL, ["A", "install", release]));
});

test("during a rollback every script runs, where the old client skips those after a failing one", () => {
  const failing = { ArtifactInstall_Enter_20: noting("exit 1"), ArtifactRollback_Enter_20: noting("exit 1") };
  const release = artifact(EVERY, failing);
  const begin = ["ArtifactInstall_Enter_20", "ArtifactInstall_Error_50", "ArtifactRollback_Enter_20"];
  const ours = ranBy(OURS, ["A", "install", release]);
  expect(ours).toMatchObject({ exitCodes: [1], scripts: [...begin, ...ROLLED_BACK, ...FAILED] });
  const real = ranBy(REAL, ["A", "install", release]);
  expect(real).toMatchObject({ exitCodes: [1], scripts: [...begin, ...ROLLED_BACK.slice(1), ...FAILED] });
});

test("a rollback by the user runs the scripts of ArtifactFailure too, as the newest client does and the old one not", () => {
  const release = artifact(EVERY);
  const steps = [
    ["A", "install", release],
    ["A", "rollback"],
  ] as const;
  const both = { exitCodes: [0, 0], scripts: [...INSTALLED.slice(2), ...ROLLED_BACK] };
  expect(ranBy(REAL, ...steps)).toMatchObject(both);
  expect(ranBy(OURS, ...steps)).toMatchObject({ ...both, scripts: [...both.scripts, ...FAILED] });
});

test("a script that is not executable is left out, as by the newest client, where the old one fails", () => {
  rootfs("Download_Enter_20", noting(), 0o644);
  rootfs("Download_Enter_50");
  const release = artifact([]);
  const ours = ranBy(OURS, ["A", "install", release]);
  expect(ours).toMatchObject({ exitCodes: [0], scripts: ["Download_Enter_50"] });
  expect(said(ours)).toContain("Download_Enter_20 is not executable, so it does not run");
  expect(ranBy(REAL, ["A", "install", release]).exitCodes).toEqual([1]);
});

for (const [version, ours, real] of [
  [undefined, 0, 1],
  ["2\n", 0, 0],
  ["4", 1, 1],
] as const) {
  const what = version === undefined ? "no version file" : `the version ${JSON.stringify(version)}`;
  test(`scripts with ${what}: ours ends with ${ours}, the old client with ${real}`, () => {
    rootfs("Download_Enter_50");
    rmSync(join(rootfsScripts(), "version"));
    if (version !== undefined) writeFileSync(join(rootfsScripts(), "version"), version);
    const release = artifact([]);
    expect(ranBy(OURS, ["A", "install", release]).exitCodes).toEqual([ours]);
    expect(ranBy(REAL, ["A", "install", release]).exitCodes).toEqual([real]);
  });
}

function expectSame(ours: Ran, real: Ran): void {
  expect([ours.exitCodes, ours.scripts]).toEqual([real.exitCodes, real.scripts]);
}
