import { readdir, rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Recorder } from "../../support/recorder.ts";
import { codesOf, INSTALLED, TestBoard } from "../../support/test-board.ts";

let board: TestBoard;
let recorder: Recorder;
beforeEach(async () => {
  board = await TestBoard.make();
  recorder = new Recorder(board);
});
afterEach(() => board.remove());

const DOWNLOAD = "Download_Enter Download_Leave";
const INSTALL = "ArtifactInstall_Enter ArtifactInstall_Leave";
const BACK = "ArtifactRollback_Enter ArtifactRollback_Leave ArtifactFailure_Enter ArtifactFailure_Leave";

const scripted = async (version = "v2"): Promise<string> =>
  board.release(version, "yes", { scripts: await recorder.scripts() });

const artifactName = async (): Promise<readonly string[]> => (await board.agent("show-artifact")).out;

async function onTrial(): Promise<void> {
  expect(await board.agent("install", await scripted())).toMatchObject({ exitCode: 0, out: INSTALLED, err: [] });
  expect(await recorder.take()).toBe(`${DOWNLOAD} ${INSTALL}`);
  expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "B" });
}

test("the scripts of a successful update run in the order of the contract, and none of a reboot", async () => {
  await onTrial();
  expect(await board.agent("commit")).toMatchObject({ exitCode: 0, out: ["Committed."], err: [] });
  expect(await recorder.take()).toBe("ArtifactCommit_Enter ArtifactCommit_Leave");
  expect(await artifactName()).toEqual(["v2"]);
});

const INSTALLATIONS: readonly (readonly [fails: string, runs: string, out: readonly string[]])[] = [
  ["Download_Enter", "Download_Enter Download_Error", ["Streaming failed.", "System not modified."]],
  ["Download_Leave", `${DOWNLOAD} Download_Error`, ["Streaming failed.", "System not modified."]],
  [
    "ArtifactInstall_Enter",
    `${DOWNLOAD} ArtifactInstall_Enter ArtifactInstall_Error ${BACK}`,
    ["Installation failed.", "Rolled back."],
  ],
  [
    "ArtifactInstall_Leave",
    `${DOWNLOAD} ${INSTALL} ArtifactInstall_Error ${BACK}`,
    ["Installation failed.", "Rolled back."],
  ],
];

for (const [fails, runs, out] of INSTALLATIONS) {
  test(`${fails} that fails ends the installation, and leaves the board as it was`, async () => {
    const env = await board.env();
    const artifact = await scripted();
    await recorder.fail(fails);
    const failed = await board.agent("install", artifact);
    expect(failed).toMatchObject({ exitCode: 1, out: ["Installing artifact...", ...out] });
    expect(codesOf(failed)).toEqual(["SCRIPT_FAILED"]);
    expect(await recorder.take()).toBe(runs);
    expect([await board.env(), await artifactName(), await board.pending()]).toEqual([env, ["v1"], undefined]);
  });
}

test("of several failing scripts the first is reported as the reason, and each of them once", async () => {
  const artifact = await scripted();
  await recorder.fail("ArtifactInstall_Enter", "ArtifactFailure_Enter", "ArtifactFailure_Leave");
  const { err } = await board.agent("install", artifact);
  expect(err.map((line) => line.replace(/ A state script.*scripts\//, " ").replace(/,.*/, ""))).toEqual([
    "Could not fulfill request: SCRIPT_FAILED: ArtifactInstall_Enter_00",
    "Failed after that: SCRIPT_FAILED: ArtifactFailure_Enter_00",
    "Failed after that: SCRIPT_FAILED: ArtifactFailure_Leave_00",
  ]);
});

test("ArtifactCommit_Enter that fails undoes the update", async () => {
  await onTrial();
  await recorder.fail("ArtifactCommit_Enter");
  const failed = await board.agent("commit");
  expect(failed).toMatchObject({ exitCode: 1 });
  expect(failed.out.slice(0, 2)).toEqual(["Committing failed.", "Rolled back."]);
  expect(await recorder.take()).toBe(`ArtifactCommit_Enter ArtifactCommit_Error ${BACK}`);
  expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "A" });
  expect(await artifactName()).toEqual(["v1"]);
});

test("ArtifactCommit_Leave that fails comes too late: the update stays, and is marked", async () => {
  await onTrial();
  await recorder.fail("ArtifactCommit_Leave");
  expect(await board.agent("commit")).toMatchObject({
    exitCode: 1,
    out: ["Committed.", "One or more post-commit steps failed."],
  });
  expect(await recorder.take()).toBe("ArtifactCommit_Enter ArtifactCommit_Leave ArtifactCommit_Error");
  expect([await artifactName(), await board.pending()]).toEqual([["v2_INCONSISTENT"], undefined]);
  expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "B" });
});

test("ArtifactCommit_Leave that was cut off runs again, and the update stays", async () => {
  await onTrial();
  const abandoned = await board.agent("commit", "--stop-before", "ArtifactCommit_Leave");
  expect([abandoned.exitCode, await recorder.take()]).toEqual([0, "ArtifactCommit_Enter"]);
  const values = await board.stored();
  const state = JSON.stringify({ ...JSON.parse(values["state"] ?? "{}"), phase: "main" });
  await writeFile(board.path("data/switchback-store"), JSON.stringify({ version: 1, values: { ...values, state } }));
  expect((await board.agent("resume")).exitCode).toBe(0);
  expect([await recorder.take(), await artifactName()]).toEqual(["ArtifactCommit_Leave", ["v2"]]);
});

test("a rollback by the user runs its scripts and those of the failure", async () => {
  await onTrial();
  expect(await board.agent("rollback")).toMatchObject({ exitCode: 0 });
  expect(await recorder.take()).toBe(BACK);
  expect(await artifactName()).toEqual(["v1"]);
});

for (const fails of BACK.split(" ")) {
  test(`${fails} that fails stops no rollback, and the name is marked`, async () => {
    await onTrial();
    await recorder.fail(fails);
    const rolledBack = await board.agent("rollback");
    expect(rolledBack.exitCode).toBe(1);
    expect(rolledBack.out[0]).toBe("Rollback failed. System may be in an inconsistent state.");
    expect(codesOf(rolledBack)).toEqual(["SCRIPT_FAILED"]);
    expect(await recorder.take()).toBe(BACK);
    expect(await artifactName()).toEqual(["v2_INCONSISTENT"]);
    expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "A" });
  });
}

test("an unsupported version of scripts in the new system undoes the update at its commit", async () => {
  await onTrial();
  await writeFile(board.path("etc/scripts/version"), "99");
  const failed = await board.agent("commit");
  expect([failed.exitCode, codesOf(failed)]).toEqual([1, ["SCRIPT_VERSION"]]);
  expect(await recorder.take()).toBe(`ArtifactCommit_Enter ArtifactCommit_Error ${BACK}`);
});

test("the next Artifact's scripts take the place of the last one's", async () => {
  await onTrial();
  await board.agent("rollback");
  await rm(board.file("ArtifactFailure_Leave_00"));
  expect((await readdir(board.path("data/scripts"))).length).toBeGreaterThan(10);
  await board.boot();
  expect((await board.agent("install", await board.release("v3"))).exitCode).toBe(0);
  expect(await readdir(board.path("data/scripts"))).toEqual([]);
});

test("a refused Artifact leaves the scripts of a pending update alone", async () => {
  await onTrial();
  const before = await readdir(board.path("data/scripts"));
  expect(codesOf(await board.agent("install", await board.release("v3")))).toEqual(["UPDATE_IN_PROGRESS"]);
  expect(await readdir(board.path("data/scripts"))).toEqual(before);
});
