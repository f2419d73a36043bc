import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Random } from "../../qemu/harness/random.ts";
import { needs } from "../support/needs.ts";
import { type Called, contentOf, createKiller, everyCut, ModuleBoard, place } from "./module-board.ts";

const COMMANDS = ["cat", "chmod", "cp", "dirname", "mkdir", "mv", "rm", "rmdir", "sed", "sync"];
const SEED = 20_260_103;
const RANDOM_CUTS = 24;
const NAME = "app.conf";

let board: ModuleBoard;
beforeEach(() => {
  board = new ModuleBoard("single-file", COMMANDS);
  mkdirSync(board.path("etc"));
});
afterEach(() => board.remove());

interface Meta {
  readonly dest_dir: string;
  readonly filename: string;
  readonly permissions: string;
}

/** A payload as the generator of the reference client makes it: each text ends with a newline. */
function newPayload(meta: Partial<Meta> = {}, content = "new"): void {
  const { dest_dir, filename, permissions } = {
    dest_dir: board.path("etc/app"),
    filename: NAME,
    permissions: "750",
    ...meta,
  };
  const texts = { dest_dir: `${dest_dir}\n`, filename: `${filename}\n`, permissions: `${permissions}\n` };
  board.payload({ ...texts, [/^\.*$|\//.test(filename) ? NAME : filename]: content });
}

function expectDone(called: Called): void {
  expect(called).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
}

const OLD = { app: "folder 755", [`app/${NAME}`]: "640 old" };
const NEW = { app: "folder 755", [`app/${NAME}`]: "750 new" };
const etc = (): unknown => contentOf(board.path("etc"));
const placeOld = (): void => place(board.path("etc/app", NAME), "old", 0o640);

test("a file is installed with its permissions and stays when the update is committed", () => {
  placeOld();
  newPayload();
  for (const state of ["Download", "ArtifactInstall", "ArtifactCommit", "Cleanup"]) expectDone(board.call(state));
  expect(etc()).toEqual(NEW);
});

needs("mount").test("a file that something is mounted on is refused, and nothing is changed", () => {
  placeOld();
  newPayload();
  execFileSync("mount", ["--bind", board.path("etc/app", NAME), board.path("etc/app", NAME)]);
  try {
    const stderr = expect.stringMatching(/^single-file: something is mounted on /);
    expect(board.call("ArtifactInstall")).toMatchObject({ exitCode: 1, stderr });
    for (const state of ["ArtifactRollback", "Cleanup"]) expectDone(board.call(state));
  } finally {
    execFileSync("umount", [board.path("etc/app", NAME)]);
  }
  expect(etc()).toEqual(OLD);
});

test("Cleanup after a failed rollback keeps the only copy of the file, and says where", () => {
  placeOld();
  newPayload();
  expectDone(board.call("ArtifactInstall"));
  rmSync(board.path("etc/app", NAME));
  mkdirSync(board.path("etc/app", NAME));
  expect(board.call("ArtifactRollback").exitCode).not.toBe(0);
  const kept = board.path("etc/app", `.${NAME}.switchback-previous`);
  expect(board.call("Cleanup")).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(kept) });
  expect(readFileSync(kept, "utf8")).toBe("old");
});

test("a rollback brings the file that was there back, with its mode", () => {
  placeOld();
  newPayload();
  for (const state of ["ArtifactInstall", "ArtifactRollback", "ArtifactFailure", "Cleanup"]) {
    expectDone(board.call(state));
  }
  expect(etc()).toEqual(OLD);
});

test("a rollback takes a file away that was not there, and the folders that were made for it", () => {
  newPayload({ dest_dir: board.path("etc/deep/er/folder") });
  expectDone(board.call("ArtifactInstall"));
  expect(readFileSync(board.path("etc/deep/er/folder", NAME), "utf8")).toBe("new");
  expectDone(board.call("ArtifactRollback"));
  expect(etc()).toEqual({});
});

test.each(["etc/./deep/er", "etc/deep/er/."])("a dest_dir of %s is the folder that it leads to", (destDir) => {
  newPayload({ dest_dir: board.path("").replace(/\/*$/, `/${destDir}`) });
  expectDone(board.call("ArtifactInstall"));
  expect(readFileSync(board.path("etc/deep/er", NAME), "utf8")).toBe("new");
  expectDone(board.call("ArtifactRollback"));
  expect(etc()).toEqual({});
});

test("a rollback leaves a folder that another program now uses", () => {
  newPayload({ dest_dir: board.path("etc/shared/app") });
  expectDone(board.call("ArtifactInstall"));
  place(board.path("etc/shared/other"), "theirs");
  expectDone(board.call("ArtifactRollback"));
  expect(etc()).toEqual({ shared: "folder 755", "shared/other": "644 theirs" });
});

test("a link is replaced by the file, and comes back", () => {
  place(board.path("etc/app/real"), "old");
  place(board.path("etc/app", NAME), { link: "real" });
  newPayload();
  expectDone(board.call("ArtifactInstall"));
  expect(etc()).toEqual({ ...NEW, "app/real": "644 old" });
  expectDone(board.call("ArtifactRollback"));
  expect(etc()).toEqual({ app: "folder 755", [`app/${NAME}`]: "-> real", "app/real": "644 old" });
});

test("the answers are those of the module of the reference client, and an unknown state says nothing", () => {
  newPayload();
  expect(board.call("NeedsArtifactReboot")).toMatchObject({ exitCode: 0, stdout: "No\n" });
  expect(board.call("SupportsRollback")).toMatchObject({ exitCode: 0, stdout: "Yes\n" });
  for (const state of ["ProvidePayloadFileSizes", "Download", "ArtifactVerifyReboot", "SomethingNew", ""]) {
    expectDone(board.call(state));
  }
});

test("the new file is on the disk before it appears in its place, and so is the copy of the old one", () => {
  placeOld();
  newPayload();
  const { commands } = board.call("ArtifactInstall");
  const [saved, staged] = ["@/tree/tmp/previous", "@/etc/app/.switchback-staged"];
  expect(commands.filter((line) => /^(cp|chmod|sync|mv) /.test(line))).toEqual([
    `cp -a @/etc/app/${NAME} ${saved}.new`,
    `sync ${saved}.new`,
    `mv ${saved}.new ${saved}`,
    "sync @/tree/tmp",
    `cp -p @/tree/files/${NAME} ${staged}`,
    `chmod 750 ${staged}`,
    `sync ${staged}`,
    `mv -f ${staged} @/etc/app/${NAME}`,
    "sync @/etc/app",
  ]);
});

describe.each([
  ["was there", placeOld, OLD],
  ["was not there", () => undefined, {}],
])("where the file %s", (_title, start, before) => {
  test("a call that is cut off at any command is repeated or rolled back, and each call may be repeated", () => {
    const fresh = (): void => {
      rmSync(board.path("etc"), { recursive: true, force: true });
      mkdirSync(board.path("etc"));
      start();
      newPayload();
    };
    fresh();
    const installing = board.call("ArtifactInstall").commands.length;
    const restoring = board.call("ArtifactRollback").commands.length;
    expect(Math.min(installing, restoring)).toBeGreaterThan(4);

    for (const cut of everyCut(installing)) {
      fresh();
      expect(board.call("ArtifactInstall", { cut }).exitCode).toBeUndefined();
      const content = existsSync(board.path("etc/app", NAME)) ? readFileSync(board.path("etc/app", NAME), "utf8") : "";
      expect(["old", "new", ...(before === OLD ? [] : [""])]).toContain(content);
      if (cut.command % 2 === 0) {
        expectDone(board.call("ArtifactInstall"));
        expectDone(board.call("ArtifactInstall"));
        expect(etc(), JSON.stringify(cut)).toEqual(NEW);
      }
      expectDone(board.call("ArtifactRollback"));
      expect(etc(), JSON.stringify(cut)).toEqual(before);
    }
    for (const cut of everyCut(restoring)) {
      fresh();
      expectDone(board.call("ArtifactInstall"));
      expect(board.call("ArtifactRollback", { cut }).exitCode).toBeUndefined();
      expectDone(board.call("ArtifactRollback"));
      expectDone(board.call("ArtifactRollback"));
      expectDone(board.call("Cleanup"));
      expect(etc(), JSON.stringify(cut)).toEqual(before);
    }
  });
});

test("killed at random instants, it never shows a file that is neither the old nor the new one", () => {
  const random = new Random(SEED);
  const big = "n".repeat(2 * 1024 * 1024);
  const killer = createKiller(random, 60);
  for (let cut = 0; cut < RANDOM_CUTS; cut++) {
    placeOld();
    newPayload({}, big);
    killer.call((killAfterMs) => board.call("ArtifactInstall", { killAfterMs }));
    const shown = readFileSync(board.path("etc/app", NAME), "utf8");
    expect(shown === "old" || shown === big, `seed ${SEED}, cut ${cut}`).toBe(true);
    if (random.below(2) === 0) expectDone(board.call("ArtifactInstall"));
    expectDone(board.call("ArtifactRollback"));
    expect(etc(), `seed ${SEED}, cut ${cut}`).toEqual(OLD);
  }
  expect(killer.killed()).toBeGreaterThan(RANDOM_CUTS / 4);
});

test("spaces and a leading dash are part of a name", () => {
  newPayload({ dest_dir: board.path("etc/my app"), filename: "-r f *" });
  expectDone(board.call("ArtifactInstall"));
  expect(etc()).toEqual({ "my app": "folder 755", "my app/-r f *": "750 new" });
  expectDone(board.call("ArtifactRollback"));
  expect(etc()).toEqual({});
});

test.each<[string, Partial<Meta>]>([
  ["a filename that leads elsewhere", { filename: "../escaped" }],
  ["a filename that is a path", { filename: "/etc/passwd" }],
  ["a filename that is the folder above", { filename: ".." }],
  ["a filename of two lines", { filename: "one\ntwo" }],
  ["no filename", { filename: "" }],
  ["no dest_dir", { dest_dir: "" }],
  ["a relative dest_dir", { dest_dir: "etc/app" }],
  ["a dest_dir with a step back", { dest_dir: "/tmp/../etc" }],
  ["a dest_dir of two lines", { dest_dir: "/tmp/one\n/tmp/two" }],
  ["permissions that are no mode", { permissions: "--reference=/etc/shadow" }],
  ["permissions of five digits", { permissions: "07777" }],
])("%s is refused before anything is touched", (_title, meta) => {
  placeOld();
  newPayload(meta);
  expect(board.call("ArtifactInstall")).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^single-file: /) });
  expectDone(board.call("ArtifactRollback"));
  expectDone(board.call("Cleanup"));
  expect(etc()).toEqual(OLD);
});

test.each(["dest_dir", "filename", NAME])("a payload without %s is refused", (name) => {
  placeOld();
  newPayload();
  rmSync(board.path("tree/files", name));
  expect(board.call("ArtifactInstall")).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(name) });
  expectDone(board.call("ArtifactRollback"));
  expect(etc()).toEqual(OLD);
});

test("a payload without permissions keeps the mode that the agent has stored it with", () => {
  newPayload();
  rmSync(board.path("tree/files/permissions"));
  expectDone(board.call("ArtifactInstall"));
  expect(etc()).toEqual({ app: "folder 755", [`app/${NAME}`]: "600 new" });
});

test("a folder of that name is not replaced", () => {
  place(board.path("etc/app", NAME, "inside"), "old");
  newPayload();
  expect(board.call("ArtifactInstall")).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("is no file") });
  expectDone(board.call("ArtifactRollback"));
  expect(readFileSync(board.path("etc/app", NAME, "inside"), "utf8")).toBe("old");
});

test("everything works with the shell and the commands of busybox", () => {
  const small = new ModuleBoard("single-file", COMMANDS, "/usr/bin/busybox");
  try {
    writeFileSync(small.path(NAME), "old", { mode: 0o640 });
    small.payload({ dest_dir: small.dir, filename: NAME, permissions: "750", [NAME]: "new" });
    expectDone(small.call("ArtifactInstall"));
    expectDone(small.call("ArtifactInstall"));
    expect(contentOf(small.dir)[NAME]).toBe("750 new");
    expectDone(small.call("ArtifactRollback"));
    expectDone(small.call("Cleanup"));
    expect(contentOf(small.dir)[NAME]).toBe("640 old");
  } finally {
    small.remove();
  }
});

test.each(["new", "n"])(
  "a rollback to a committed version, of which '%s' is left, brings back exactly that",
  (left) => {
    placeOld();
    newPayload();
    for (const state of ["ArtifactInstall", "ArtifactCommit", "Cleanup"]) expectDone(board.call(state));
    writeFileSync(board.path("etc/app", NAME), left);
    newPayload({ permissions: "600" }, "newer");
    expectDone(board.call("ArtifactInstall"));
    expect(etc()).toEqual({ ...NEW, [`app/${NAME}`]: "600 newer" });
    for (const state of ["ArtifactRollback", "Cleanup"]) expectDone(board.call(state));
    expect(etc()).toEqual({ ...NEW, [`app/${NAME}`]: `750 ${left}` });
  },
);

test("after an installation that was cut off and never rolled back, the next one has a whole file to go back to", () => {
  placeOld();
  newPayload();
  const commands = board.call("ArtifactInstall").commands.length;
  const random = new Random(SEED + 1);
  for (let at = 0; at < 6; at++) {
    const cut = random.pick(everyCut(commands));
    rmSync(board.path("etc"), { recursive: true });
    placeOld();
    newPayload();
    board.call("ArtifactInstall", { cut });
    newPayload({}, "newer");
    for (const state of ["ArtifactInstall", "ArtifactRollback", "Cleanup"]) expectDone(board.call(state));
    expect([OLD, NEW], JSON.stringify(cut)).toContainEqual(etc());
  }
});
