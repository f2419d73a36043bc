import { writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cli, codesOf, TestBoard } from "../../support/test-board.ts";

let board: TestBoard;
beforeEach(async () => {
  board = await TestBoard.make();
  expect((await board.agent("install", await board.release("v2"))).exitCode).toBe(0);
});
afterEach(() => board.remove());

/** The store as a power cut in the middle of `state` leaves it; slot and environment are those of an armed update. */
async function cutOffIn(state: string): Promise<void> {
  const stored = await board.stored();
  const snapshot = { ...JSON.parse(stored["state"] ?? "{}"), state, phase: "main" };
  const values = { ...stored, state: JSON.stringify(snapshot) };
  await writeFile(board.path("data/switchback-store"), JSON.stringify({ version: 1, values }));
}

for (const state of ["install", "askReboot", "commit", "askRollback", "rollback"]) {
  test(`cut off in ${state} with the slot armed, the board's init undoes the update, and the start after that is back`, async () => {
    await cutOffIn(state);
    const first = await cli("switchback", ["board", "boot", board.dir]);
    expect([first.exitCode, first.out.at(-1)]).toEqual([0, "Slot B is up, v2."]);
    expect([await board.pending(), (await board.status()).trial]).toEqual([undefined, false]);
    const second = await cli("switchback", ["board", "boot", board.dir]);
    expect([second.exitCode, second.out.at(-1)]).toEqual([0, "Slot A is up, v1."]);
    expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
    expect(await board.agent("install", await board.release("v3"))).toMatchObject({ exitCode: 0, err: [] });
  });
}

for (const state of ["install", "askReboot", "askRollback", "rollback"]) {
  test(`interrupted in ${state}, an update cannot be continued with 'install', and 'resume' undoes it`, async () => {
    await cutOffIn(state);
    expect(codesOf(await board.agent("install", board.file("v2.mender")))).toEqual(["UPDATE_IN_PROGRESS"]);
    expect(await board.agent("resume")).toMatchObject({ exitCode: 0, out: ["Rolled back."], err: [] });
    expect(await board.env()).toMatchObject({ mender_boot_part: "2", upgrade_available: "0" });
    expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
  });
}

for (const state of ["commitLeave", "saveProvides"]) {
  test(`interrupted in ${state}, an update is still committed`, async () => {
    await board.boot();
    expect((await board.agent("commit", "--stop-before", "ArtifactCommit_Leave")).exitCode).toBe(0);
    await cutOffIn(state);
    expect((await cli("switchback", ["board", "boot", board.dir])).exitCode).toBe(0);
    expect(await board.pending()).toBeUndefined();
    expect((await board.agent("show-artifact")).out).toEqual(["v2"]);
  });
}
