import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codesOf, INSTALLED, REBOOT, TestBoard } from "../../support/test-board.ts";

const NOTHING = { exitCode: 2, out: ["No update in progress."], err: [] };

let board: TestBoard;
beforeEach(async () => {
  board = await TestBoard.make();
});
afterEach(() => board.remove());

/** Installs `v2` into slot B, and boots the board into it. */
async function bootedOnTrial(): Promise<void> {
  expect((await board.agent("install", await board.release("v2"))).exitCode).toBe(0);
  expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "B" });
}

test("an update is installed, booted on trial and committed", async () => {
  const artifact = await board.release("v2");
  expect(await board.agent("install", artifact)).toMatchObject({ exitCode: 0, out: INSTALLED, err: [] });
  expect(await board.env()).toMatchObject({ mender_boot_part: "3", upgrade_available: "1", bootcount: "0" });
  expect((await board.agent("show-artifact")).out, "before the commit").toEqual(["v1"]);
  expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "B" });
  expect(await board.agent("commit")).toMatchObject({ exitCode: 0, out: ["Committed."], err: [] });
  expect(await board.env()).toMatchObject({ mender_boot_part: "3", upgrade_available: "0" });
  expect((await board.agent("show-artifact")).out).toEqual(["v2"]);
  expect(await board.pending()).toBeUndefined();
  expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "B" });
});

test("the slot holds the image, and the rest of it what was there", async () => {
  await board.agent("install", await board.release("v2"));
  const [slot, image] = [await board.slot("B"), await readFile(board.file("v2.img"))];
  expect(slot.subarray(0, image.length).equals(image)).toBe(true);
  expect(slot.subarray(image.length).every((byte) => byte === 0)).toBe(true);
});

test("an update that is rolled back before the reboot leaves the board as it was", async () => {
  const env = await board.env();
  await board.agent("install", await board.release("v2"));
  expect(await board.agent("rollback")).toMatchObject({ exitCode: 0, out: ["Rolled back."], err: [] });
  expect(await board.env()).toEqual(env);
  expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
  expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "A" });
  expect(await board.agent("commit")).toMatchObject(NOTHING);
});

test("an update that is rolled back after the reboot boots the old system the next time", async () => {
  await bootedOnTrial();
  expect(await board.agent("rollback")).toMatchObject({ exitCode: 0, out: ["Rolled back.", REBOOT], err: [] });
  expect(await board.env()).toMatchObject({ mender_boot_part: "2", upgrade_available: "0" });
  expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "A" });
  expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
});

test("if the new system hangs, the boot loader undoes the update, and 'commit' says so", async () => {
  await board.agent("install", await board.release("v2", "hangs"));
  expect((await board.boot()).outcome).toEqual({ kind: "hangs", slot: "B" });
  expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "A" });
  const committed = await board.agent("commit");
  expect(committed).toMatchObject({ exitCode: 1, out: ["Committing failed.", "Rolled back."] });
  expect(codesOf(committed)).toEqual(["BOOT_REVERTED"]);
  expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
  expect((await board.status()).trial).toBe(false);
  expect(await board.agent("commit")).toMatchObject(NOTHING);
  expect((await board.agent("install", await board.release("v3"))).exitCode).toBe(0);
});

test("'commit' before the reboot fails, and undoes the update", async () => {
  const env = await board.env();
  await board.agent("install", await board.release("v2"));
  const committed = await board.agent("commit");
  expect(committed).toMatchObject({ exitCode: 1, out: ["Committing failed.", "Rolled back."] });
  expect(codesOf(committed)).toEqual(["BOOT_MISMATCH"]);
  expect(await board.env()).toEqual(env);
});

test("--reboot-exit-code makes 4 of an exit status of 0 where a reboot is needed, and of no other", async () => {
  const artifact = await board.release("v2");
  expect(await board.agent("install", "--reboot-exit-code", artifact)).toMatchObject({ exitCode: 4, out: INSTALLED });
  await board.agent("rollback");
  expect(await board.agent("install", "--reboot-exit-code", board.file("missing"))).toMatchObject({ exitCode: 1 });
  await board.agent("install", "--stop-before", "ArtifactInstall_Enter", artifact);
  expect(await board.agent("resume", "--reboot-exit-code")).toMatchObject({ exitCode: 4, out: INSTALLED.slice(1) });
});

for (const command of ["commit", "rollback", "resume"]) {
  test(`'${command}' with no update in progress exits with 2`, async () => {
    expect(await board.agent(command)).toMatchObject(NOTHING);
  });
}

test("an update that is to stop before its installation has changed nothing but the slot, and 'resume' installs it", async () => {
  const env = await board.env();
  const stopped = await board.agent("install", "--stop-before", "ArtifactInstall_Enter", await board.release("v2"));
  expect(stopped).toMatchObject({
    exitCode: 0,
    out: ["Installing artifact...", "Streamed to storage, but not installed/enabled."],
    err: [],
  });
  expect([await board.pending(), await board.env()]).toEqual(["@install", env]);
  expect(codesOf(await board.agent("commit"))).toEqual(["WRONG_OPERATION"]);
  expect(await board.agent("resume")).toMatchObject({ exitCode: 0, out: INSTALLED.slice(1) });
  expect(await board.pending()).toBe("@commit");
});

test("a streamed update can be rolled back without ever having been installed", async () => {
  const env = await board.env();
  await board.agent("install", "--stop-before", "ArtifactInstall_Enter", await board.release("v2"));
  expect(await board.agent("rollback")).toMatchObject({ exitCode: 0, out: ["Rolled back."] });
  expect(await board.env()).toEqual(env);
});

/** The state in which each command stops, its output, and the output of `resume` after it. */
const STOPS = [
  {
    command: "commit",
    stop: "ArtifactCommit_Enter",
    rest: "@commit",
    says: [],
    resumed: ["Committed."],
    artifact: "v2",
  },
  {
    command: "commit",
    stop: "ArtifactCommit_Leave",
    rest: "@commitLeave",
    says: ["Committed."],
    resumed: ["Cleaned up."],
    artifact: "v2",
  },
  {
    command: "commit",
    stop: "Cleanup",
    rest: "@cleanup",
    says: ["Committed."],
    resumed: ["Cleaned up."],
    artifact: "v2",
  },
  {
    command: "rollback",
    stop: "ArtifactRollback_Enter",
    rest: "@rollback",
    says: [],
    resumed: ["Rolled back.", REBOOT],
    artifact: "v1",
  },
  {
    command: "rollback",
    stop: "ArtifactFailure_Enter",
    rest: "@failure",
    says: ["Rolled back.", REBOOT],
    resumed: ["Rolled back."],
    artifact: "v1",
  },
  {
    command: "rollback",
    stop: "Cleanup",
    rest: "@cleanup",
    says: ["Rolled back.", REBOOT],
    resumed: ["Rolled back."],
    artifact: "v1",
  },
] as const;

for (const { command, stop, rest, says, resumed, artifact } of STOPS) {
  test(`'${command} --stop-before ${stop}' stops there, and 'resume' continues`, async () => {
    await bootedOnTrial();
    expect(await board.agent(command, "--stop-before", stop)).toMatchObject({ exitCode: 0, out: says, err: [] });
    expect(await board.pending()).toBe(rest);
    expect(codesOf(await board.agent("install", await board.release("v3")))).toEqual(["UPDATE_IN_PROGRESS"]);
    expect(await board.agent("resume")).toMatchObject({ exitCode: 0, out: resumed, err: [] });
    expect(await board.pending()).toBeUndefined();
    expect((await board.agent("show-artifact")).out).toEqual([artifact]);
    expect(await board.agent("resume")).toMatchObject(NOTHING);
  });
}

test("'resume --stop-before ArtifactCommit_Enter', as at every boot, leaves the decision to people", async () => {
  await bootedOnTrial();
  const resumed = await board.agent("resume", "--stop-before", "ArtifactCommit_Enter");
  expect(resumed).toMatchObject({ exitCode: 0, out: [], err: [] });
  expect(await board.pending()).toBe("@commit");
  expect(await board.env()).toMatchObject({ mender_boot_part: "3", upgrade_available: "1" });
});

test("a state that cannot be stopped before is refused before anything happens", async () => {
  const artifact = await board.release("v2");
  for (const argv of [["install", artifact], ["commit"], ["rollback"], ["resume"]]) {
    const refused = await board.agent(...argv, "--stop-before", "Download_Enter");
    expect([refused.exitCode, codesOf(refused)]).toEqual([1, ["CLI_USAGE"]]);
  }
  expect(await board.stored()).toEqual({});
});

test("a second update is refused while one waits for a decision, and the first one keeps waiting", async () => {
  await board.agent("install", await board.release("v2"));
  const env = await board.env();
  const slot = await board.slot("B");
  const refused = await board.agent("install", await board.release("v3"));
  expect(refused).toMatchObject({ exitCode: 1, out: ["System not modified."] });
  expect(codesOf(refused)).toEqual(["UPDATE_IN_PROGRESS"]);
  expect(refused.err[0]).toContain("Please commit or roll back first");
  expect([await board.env(), await board.pending()]).toEqual([env, "@commit"]);
  expect((await board.slot("B")).equals(slot)).toBe(true);
});

test("an Artifact with an empty payload is committed at once, and changes provides only", async () => {
  const env = await board.env();
  const payload = { kind: "empty", type: "", files: [], depends: {}, clearsProvides: ["data.*"] } as const;
  const artifact = await board.write({
    name: "data-2",
    deviceTypes: ["board-a"],
    dependsNames: [],
    dependsGroups: [],
    scripts: [],
    compression: "none",
    payload: { ...payload, provides: { "data.version": "2" } },
  });
  expect(await board.agent("install", artifact)).toMatchObject({
    exitCode: 0,
    out: ["Installing artifact...", "Artifact with empty payload. Committing immediately.", "Installed and committed."],
    err: [],
  });
  expect((await board.agent("show-provides")).out).toEqual(["artifact_name=data-2", "data.version=2"]);
  expect([await board.env(), await board.pending()]).toEqual([env, undefined]);
});

test("'show-provides' is sorted by key, and knows what the committed Artifact provides", async () => {
  const artifact = await board.release("v2", "yes", { group: "beta" });
  await board.agent("install", artifact);
  await board.boot();
  await board.agent("commit");
  const { out } = await board.agent("show-provides");
  expect(out.map((line) => line.split("=")[0])).toEqual([
    "artifact_group",
    "artifact_name",
    "rootfs-image.checksum",
    "rootfs-image.version",
  ]);
  expect(out.slice(0, 2)).toEqual(["artifact_group=beta", "artifact_name=v2"]);
  expect(JSON.parse((await board.agent("show-provides", "--json")).out.join(""))).toEqual(
    Object.fromEntries(out.map((line) => line.split("="))),
  );
  expect((await board.agent("show-artifact", "--json")).out).toEqual(['{"artifact_name":"v2"}']);
});
