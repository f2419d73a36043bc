import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Random } from "../../qemu/harness/random.ts";
import { type Called, createKiller, everyCut, ModuleBoard } from "./module-board.ts";

const COMMANDS = ["chmod", "mkdir", "sync"];
const SEED = 20_260_105;
const RANDOM_CUTS = 24;

let board: ModuleBoard;
beforeEach(() => {
  board = new ModuleBoard("script", COMMANDS);
});
afterEach(() => board.remove());

/** Records its name when it ends, and fails if the test requests it. */
const script = (note: string, more = ""): string => `#!/bin/sh\n${more}\necho ${note} >>"$BOARD/ran"\n`;
const wanted = (...names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, script(name)]));

function ran(): readonly string[] {
  const log = board.path("ran");
  const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : [];
  rmSync(log, { force: true });
  return lines;
}

function expectDone(called: Called): void {
  expect(called).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
}

test("scripts run in the order of their names, once, with the file tree as their folder", () => {
  board.payload({ ...wanted("b.sh", "a.sh", "c"), "10 with space": script("spaced", "test -d files || exit 9") });
  for (const state of ["Download", "ArtifactInstall", "ArtifactInstall", "ArtifactCommit", "Cleanup"]) {
    expectDone(board.call(state));
  }
  expect(ran()).toEqual(["spaced", "a.sh", "b.sh", "c"]);
});

test("the first script that fails ends the installation with its exit code in the log", () => {
  board.payload({ ...wanted("a", "c"), b: "#!/bin/sh\nexit 7\n" });
  expect(board.call("ArtifactInstall")).toMatchObject({ exitCode: 1, stderr: "script: b failed with 7\n" });
  expect(ran()).toEqual(["a"]);
});

test("scripts alone cannot be rolled back, as with the module of the reference client", () => {
  board.payload(wanted("a"));
  expect(board.call("SupportsRollback")).toMatchObject({ exitCode: 0, stdout: "No\n" });
  expect(board.call("NeedsArtifactReboot")).toMatchObject({ exitCode: 0, stdout: "No\n" });
  for (const state of ["ProvidePayloadFileSizes", "ArtifactVerifyReboot", "SomethingNew", ""]) {
    expectDone(board.call(state));
  }
});

test("a rollback undoes only the scripts that have begun, the last one first", () => {
  board.payload({
    ...wanted("a", "a.rollback", "b", "c.rollback", "d", "d.rollback"),
    c: "#!/bin/sh\nexit 1\n",
  });
  expect(board.call("SupportsRollback").stdout).toBe("Yes\n");
  expect(board.call("ArtifactInstall").exitCode).toBe(1);
  expect(ran()).toEqual(["a", "b"]);
  expectDone(board.call("ArtifactRollback"));
  expect(ran()).toEqual(["c.rollback", "a.rollback"]);
  expectDone(board.call("ArtifactRollback"));
  expect(ran()).toEqual([]);
});

test("a script called NAME.rollback without a NAME is a script like any other", () => {
  board.payload(wanted("service.rollback"));
  expect(board.call("SupportsRollback").stdout).toBe("No\n");
  expectDone(board.call("ArtifactInstall"));
  expect(ran()).toEqual(["service.rollback"]);
});

test("a rollback before anything was installed runs nothing", () => {
  board.payload(wanted("a", "a.rollback"));
  expectDone(board.call("ArtifactRollback"));
  expect(ran()).toEqual([]);
});

test("a rollback that fails reports it, and continues where it was when it is repeated", () => {
  board.payload({
    ...wanted("a", "b", "b.rollback"),
    "a.rollback": script("a.rollback", 'test -e "$BOARD/mended" || exit 5'),
  });
  expectDone(board.call("ArtifactInstall"));
  ran();
  expect(board.call("ArtifactRollback")).toMatchObject({ exitCode: 1, stderr: "script: a.rollback failed with 5\n" });
  expect(ran()).toEqual(["b.rollback"]);
  writeFileSync(board.path("mended"), "");
  expectDone(board.call("ArtifactRollback"));
  expect(ran()).toEqual(["a.rollback"]);
});

test("a payload without a script is refused", () => {
  board.payload({});
  expect(board.call("ArtifactInstall")).toMatchObject({ exitCode: 1, stderr: "script: the payload has no script\n" });
});

test("a call that is interrupted at any command does not repeat a script that is recorded as ended", () => {
  const files = wanted("a", "a.rollback", "b", "b.rollback");
  board.payload(files);
  const installing = board.call("ArtifactInstall").commands.length;
  const undoing = board.call("ArtifactRollback").commands.length;
  expect([installing, undoing]).toEqual([18, 10]);
  ran();
  for (const cut of everyCut(installing)) {
    board.payload(files);
    expect(board.call("ArtifactInstall", { cut }).exitCode).toBeUndefined();
    expectDone(board.call("ArtifactInstall"));
    const both = ran();
    // The module records a script after the script has ended, so only the script that the power cut interrupted may run
    // twice.
    expect([...new Set(both)], JSON.stringify(cut)).toEqual(["a", "b"]);
    expect(both.length, JSON.stringify(cut)).toBeLessThanOrEqual(3);
    expectDone(board.call("ArtifactRollback"));
    expect(ran(), JSON.stringify(cut)).toEqual(["b.rollback", "a.rollback"]);
  }
  for (const cut of everyCut(undoing)) {
    board.payload(files);
    expectDone(board.call("ArtifactInstall"));
    ran();
    expect(board.call("ArtifactRollback", { cut }).exitCode).toBeUndefined();
    expectDone(board.call("ArtifactRollback"));
    expect([...new Set(ran())], JSON.stringify(cut)).toEqual(["b.rollback", "a.rollback"]);
  }
});

test("killed at random instants and repeated, every script has run", () => {
  const random = new Random(SEED);
  const killer = createKiller(random, 60);
  for (let cut = 0; cut < RANDOM_CUTS; cut++) {
    board.payload(wanted("a", "b", "c"));
    killer.call((killAfterMs) => board.call("ArtifactInstall", { killAfterMs }));
    expectDone(board.call("ArtifactInstall"));
    expect([...new Set(ran())], `seed ${SEED}, cut ${cut}`).toEqual(["a", "b", "c"]);
  }
  expect(killer.killed()).toBeGreaterThan(RANDOM_CUTS / 4);
});

test("everything works with the shell and the commands of busybox", () => {
  board.remove();
  board = new ModuleBoard("script", COMMANDS, "/usr/bin/busybox");
  board.payload(wanted("a", "a.rollback"));
  expect(board.call("SupportsRollback").stdout).toBe("Yes\n");
  expectDone(board.call("ArtifactInstall"));
  expectDone(board.call("ArtifactRollback"));
  expect(ran()).toEqual(["a", "a.rollback"]);
});

test("the rollback of an update undoes nothing of the update committed before it", () => {
  board.payload(wanted("a", "a.rollback"));
  for (const state of ["ArtifactInstall", "ArtifactCommit", "Cleanup"]) expectDone(board.call(state));
  board.payload(wanted("b", "b.rollback"));
  expectDone(board.call("ArtifactInstall"));
  expectDone(board.call("ArtifactRollback"));
  expect(ran()).toEqual(["a", "b", "b.rollback"]);
});

test("after an update that was interrupted and never rolled back, the next one runs all of its scripts", () => {
  board.payload(wanted("a", "a.rollback", "b", "b.rollback"));
  const commands = board.call("ArtifactInstall").commands.length;
  const random = new Random(SEED + 1);
  for (let at = 0; at < 6; at++) {
    const cut = random.pick(everyCut(commands));
    board.payload(wanted("a", "a.rollback", "b", "b.rollback"));
    board.call("ArtifactInstall", { cut });
    ran();
    board.payload(wanted("a", "a.rollback", "b", "b.rollback"));
    for (const state of ["ArtifactInstall", "ArtifactRollback", "Cleanup"]) expectDone(board.call(state));
    expect(ran(), JSON.stringify(cut)).toEqual(["a", "b", "b.rollback", "a.rollback"]);
  }
});
