import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Random } from "../../qemu/harness/random.ts";
import { needs } from "../support/needs.ts";
import { type Called, contentOf, createKiller, everyCut, ModuleBoard, place } from "./module-board.ts";

const COMMANDS = ["cat", "cp", "dirname", "mkdir", "mv", "readlink", "rm", "rmdir", "sed", "sync", "tar"];
const SEED = 20_260_104;
const RANDOM_CUTS = 24;

let board: ModuleBoard;
let bulk: string;
beforeEach(() => {
  board = new ModuleBoard("directory", COMMANDS);
  mkdirSync(board.path("srv"));
  bulk = "new";
});
afterEach(() => board.remove());

/** The tar file as the generator of the reference client makes it: of ".", in the new folder. */
function newPayload(destDir = board.path("srv/app")): void {
  rmSync(board.path("stage"), { recursive: true, force: true });
  place(board.path("stage/page"), bulk);
  place(board.path("stage/bin/run"), "program", 0o755);
  place(board.path("stage/current"), { link: "page" });
  const content = execFileSync("tar", ["-cf", "-", "-C", board.path("stage"), "."], { maxBuffer: 2 ** 26 });
  board.payload({ dest_dir: `${destDir}\n`, "update.tar": content });
}

function placeOld(): void {
  place(board.path("srv/app/page"), "old", 0o640);
  place(board.path("srv/app/only-old/deep"), "old");
  place(board.path("srv/app/link"), { link: "only-old" });
}

function expectDone(called: Called): void {
  expect(called).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
}

const OLD = {
  app: "folder 755",
  "app/link": "-> only-old",
  "app/only-old": "folder 755",
  "app/only-old/deep": "644 old",
  "app/page": "640 old",
};
const NEW = {
  app: "folder 755",
  "app/bin": "folder 755",
  "app/bin/run": "755 program",
  "app/current": "-> page",
  "app/page": "644 new",
};
const srv = (): unknown => contentOf(board.path("srv"));

test("the folder's whole content is replaced, and nothing is left beside it", () => {
  placeOld();
  newPayload();
  for (const state of ["Download", "ArtifactInstall", "ArtifactCommit", "Cleanup"]) expectDone(board.call(state));
  expect(srv()).toEqual(NEW);
});

test("a rollback brings the whole old content back", () => {
  placeOld();
  newPayload();
  for (const state of ["ArtifactInstall", "ArtifactRollback", "ArtifactFailure", "Cleanup"]) {
    expectDone(board.call(state));
  }
  expect(srv()).toEqual(OLD);
});

test("what a link leads to is replaced, and the link stays", () => {
  placeOld();
  place(board.path("srv/link"), { link: "app" });
  newPayload(board.path("srv/link"));
  expectDone(board.call("ArtifactInstall"));
  expectDone(board.call("ArtifactCommit"));
  expectDone(board.call("Cleanup"));
  expect(srv()).toEqual({ ...NEW, link: "-> app" });
});

test("the answers are those of the module of the reference client, and an unknown state says nothing", () => {
  newPayload();
  expect(board.call("NeedsArtifactReboot")).toMatchObject({ exitCode: 0, stdout: "No\n" });
  expect(board.call("SupportsRollback")).toMatchObject({ exitCode: 0, stdout: "Yes\n" });
  for (const state of ["ProvidePayloadFileSizes", "Download", "ArtifactVerifyReboot", "SomethingNew", ""]) {
    expectDone(board.call(state));
  }
});

test("copy and new content are on the disk before the old content is touched", () => {
  placeOld();
  newPayload();
  const { commands } = board.call("ArtifactInstall");
  const [app, beside] = ["@/srv/app", "@/srv/.app.switchback"];
  expect(commands.filter((line) => /^(cp|tar|sync|mv|sync)\b/.test(line))).toEqual([
    `cp -a ${app} ${beside}/old`,
    "sync ",
    "mv @/tree/tmp/mark @/tree/tmp/previous",
    "sync @/tree/tmp",
    `tar -xf @/tree/files/update.tar -C ${beside}/new`,
    "sync ",
    `mv ${app} ${beside}/gone.0`,
    `mv ${beside}/new ${app}`,
    "sync @/srv",
    `sync ${beside}`,
  ]);
});

describe.each([
  ["was there", placeOld, OLD],
  ["was not there", () => undefined, {}],
])("where the folder %s", (_title, start, before) => {
  test("a call that is cut off at any command is repeated or rolled back, and each call may be repeated", () => {
    const fresh = (): void => {
      rmSync(board.path("srv"), { recursive: true, force: true });
      mkdirSync(board.path("srv"));
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
      if (cut.command % 2 === 0) {
        expectDone(board.call("ArtifactInstall"));
        expectDone(board.call("ArtifactInstall"));
        expect(contentOf(board.path("srv/app")), JSON.stringify(cut)).toMatchObject({ page: "644 new" });
      }
      expectDone(board.call("ArtifactRollback"));
      expect(srv(), JSON.stringify(cut)).toEqual(before);
    }
    for (const cut of everyCut(restoring)) {
      fresh();
      expectDone(board.call("ArtifactInstall"));
      expect(board.call("ArtifactRollback", { cut }).exitCode).toBeUndefined();
      expectDone(board.call("ArtifactRollback"));
      expectDone(board.call("ArtifactRollback"));
      expectDone(board.call("Cleanup"));
      expect(srv(), JSON.stringify(cut)).toEqual(before);
    }
  });
});

test("killed at random instants, it never shows content that is neither the old nor the new one", () => {
  const random = new Random(SEED);
  bulk = "n".repeat(4 * 1024 * 1024);
  const killer = createKiller(random, 80);
  for (let cut = 0; cut < RANDOM_CUTS; cut++) {
    rmSync(board.path("srv"), { recursive: true, force: true });
    placeOld();
    newPayload();
    killer.call((killAfterMs) => board.call("ArtifactInstall", { killAfterMs }));
    const page = board.path("srv/app/page");
    const shown = existsSync(page) ? readFileSync(page, "utf8") : undefined;
    expect([undefined, "old", bulk].includes(shown), `seed ${SEED}, cut ${cut}`).toBe(true);
    if (random.below(2) === 0) expectDone(board.call("ArtifactInstall"));
    expectDone(board.call("ArtifactRollback"));
    expect(srv(), `seed ${SEED}, cut ${cut}`).toEqual(OLD);
  }
  expect(killer.killed()).toBeGreaterThan(RANDOM_CUTS / 4);
});

test("leftovers of an update without Cleanup are not mistaken for the previous content", () => {
  placeOld();
  place(board.path("srv/.app.switchback/old/page"), "much older");
  newPayload();
  expectDone(board.call("ArtifactInstall"));
  expectDone(board.call("ArtifactRollback"));
  expect(srv()).toEqual(OLD);
});

test("Cleanup after a rollback that failed halfway puts the only copy back", () => {
  placeOld();
  newPayload();
  expectDone(board.call("ArtifactInstall"));
  const { commands } = board.call("ArtifactRollback");
  newPayload();
  expectDone(board.call("ArtifactInstall"));
  const command = commands.findIndex((line) => line.startsWith("mv ")) + 1;
  board.call("ArtifactRollback", { cut: { command, side: "after" } });
  expect(existsSync(board.path("srv/app"))).toBe(false);
  expectDone(board.call("Cleanup"));
  expect(contentOf(board.path("srv/app"))).toMatchObject({ page: "640 old" });
});

/** Mounts a filesystem with one file. */
function mountOn(path: string): void {
  mkdirSync(path, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "none", path]);
  writeFileSync(join(path, "photo"), "kept");
}

needs("mount").describe("with a filesystem mounted below the folder", () => {
  afterEach(() => {
    // The mount point may have been renamed since.
    for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
      const point = (line.split(" ")[4] ?? "").replaceAll("\\040", " ");
      if (point.startsWith(`${board.dir}/`)) execFileSync("umount", [point]);
    }
  });

  test.each(["uploads", "a folder/deep", "only-old"])("at %s, the update is refused and nothing is lost", (name) => {
    placeOld();
    mountOn(board.path("srv/app", name));
    newPayload();
    const before = srv();
    expect(board.call("ArtifactInstall")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^directory: something is mounted on /),
    });
    for (const state of ["ArtifactRollback", "ArtifactFailure", "Cleanup"]) expectDone(board.call(state));
    expect(srv()).toEqual(before);
  });

  test("since the installation, the rollback brings the old content back and leaves what is mounted", () => {
    placeOld();
    newPayload();
    expectDone(board.call("ArtifactInstall"));
    mountOn(board.path("srv/app/uploads"));
    for (const state of ["ArtifactRollback", "Cleanup"]) {
      const stderr = expect.stringMatching(/^directory: .* stays: something is mounted on /);
      expect(board.call(state)).toMatchObject({ exitCode: 0, stderr });
    }
    expect(contentOf(board.path("srv/app"))).toMatchObject({ page: "640 old" });
    expect(readFileSync(board.path("srv/.app.switchback/gone.0/uploads/photo"), "utf8")).toBe("kept");
  });

  test("a rollback that cannot rename fails, and Cleanup keeps the only copy", () => {
    placeOld();
    newPayload();
    expectDone(board.call("ArtifactInstall"));
    mountOn(board.path("srv/app"));
    expect(board.call("ArtifactRollback").exitCode).not.toBe(0);
    expect(board.call("Cleanup")).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining(".app.switchback/old"),
    });
    expect(readFileSync(board.path("srv/.app.switchback/old/page"), "utf8")).toBe("old");
    expect(readFileSync(board.path("srv/app/photo"), "utf8")).toBe("kept");
  });
});

test("files that cannot be deleted stay and are reported, and the update does not fail", () => {
  placeOld();
  newPayload();
  const real = readFileSync(board.path("bin/rm"), "utf8");
  writeFileSync(board.path("bin/rm"), real.replace(/^status=0$/m, 'case "$*" in *gone*) exit 1 ;; esac\nstatus=0'));
  for (const state of ["ArtifactInstall", "ArtifactCommit", "Cleanup"]) {
    expect(board.call(state).exitCode, state).toBe(0);
  }
  expect(contentOf(board.path("srv/app"))).toMatchObject({ page: "644 new" });
  expect(existsSync(board.path("srv/.app.switchback/old"))).toBe(false);
  writeFileSync(board.path("bin/rm"), real);
  newPayload();
  for (const state of ["ArtifactInstall", "ArtifactRollback", "Cleanup"]) expectDone(board.call(state));
  expect(srv()).toEqual(NEW);
});

test("the only copy that a failed update has left takes its place again before the next one", () => {
  place(board.path("srv/.app.switchback/old/page"), "old", 0o640);
  newPayload();
  expectDone(board.call("ArtifactInstall"));
  expectDone(board.call("ArtifactRollback"));
  expect(srv()).toEqual({ app: "folder 755", "app/page": "640 old" });
});

test("a tar file that is damaged changes nothing", () => {
  placeOld();
  newPayload();
  board.payload({ dest_dir: board.path("srv/app"), "update.tar": "no tar file" });
  expect(board.call("ArtifactInstall").exitCode).not.toBe(0);
  expect(contentOf(board.path("srv/app"))).toMatchObject({ page: "640 old" });
  expectDone(board.call("ArtifactRollback"));
  expect(srv()).toEqual(OLD);
});

test("spaces and a leading dash are part of a name, and slashes at its end are not", () => {
  newPayload(`${board.path("srv/-r my *")}//`);
  expectDone(board.call("ArtifactInstall"));
  expectDone(board.call("Cleanup"));
  expect(contentOf(board.path("srv/-r my *"))).toMatchObject({ page: "644 new" });
});

test.each(["srv/./app", "./srv/app/.", "srv/././app/./"])(
  "a dest_dir of %s is the folder that it leads to",
  (destDir) => {
    placeOld();
    newPayload(board.path("").replace(/\/*$/, `/${destDir}`));
    expectDone(board.call("ArtifactInstall"));
    expect(srv()).toMatchObject(NEW);
    expectDone(board.call("ArtifactRollback"));
    expectDone(board.call("Cleanup"));
    expect(srv()).toEqual(OLD);
  },
);

test.each([
  ["no dest_dir", ""],
  ["the root folder, twice by another name", "/././"],
  ["the root folder", "/"],
  ["the root folder, with more slashes", "///"],
  ["the root folder, by another name", "/."],
  ["a relative dest_dir", "srv/app"],
  ["a step back", "/srv/../etc"],
  ["two lines", "/tmp/one\n/tmp/two"],
  ["a file", "/etc/passwd"],
  ["a folder that something is mounted on", "/dev/pts"],
])("%s is refused before anything is touched", (_title, destDir) => {
  newPayload(destDir);
  const { exitCode, stderr } = board.call("ArtifactInstall");
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringMatching(/^directory: /) });
  expectDone(board.call("ArtifactRollback"));
  expectDone(board.call("Cleanup"));
});

test.each(["dest_dir", "update.tar"])("a payload without %s is refused", (name) => {
  placeOld();
  newPayload();
  rmSync(board.path("tree/files", name));
  expect(board.call("ArtifactInstall")).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(name) });
  expectDone(board.call("ArtifactRollback"));
  expect(srv()).toEqual(OLD);
});

test("everything works with the shell and the commands of busybox", () => {
  board.remove();
  board = new ModuleBoard("directory", COMMANDS, "/usr/bin/busybox");
  placeOld();
  newPayload();
  expectDone(board.call("ArtifactInstall"));
  expectDone(board.call("ArtifactInstall"));
  expect(contentOf(board.path("srv/app"))).toMatchObject({ page: "644 new" });
  expectDone(board.call("ArtifactRollback"));
  expectDone(board.call("Cleanup"));
  expect(srv()).toEqual(OLD);
});

describe("over a version that the module has installed", () => {
  beforeEach(() => {
    placeOld();
    newPayload();
    for (const state of ["ArtifactInstall", "ArtifactCommit", "Cleanup"]) expectDone(board.call(state));
    bulk = "newer";
  });

  test.each([
    ["whole", () => undefined],
    [
      "half there",
      () => {
        rmSync(board.path("srv/app/bin"), { recursive: true });
        writeFileSync(board.path("srv/app/page"), "n");
      },
    ],
  ])("and that is %s, a rollback brings back exactly that", (_title, damage) => {
    damage();
    const before = srv();
    newPayload();
    expectDone(board.call("ArtifactInstall"));
    expect(contentOf(board.path("srv/app"))).toMatchObject({ page: "644 newer", "bin/run": "755 program" });
    for (const state of ["ArtifactRollback", "Cleanup"]) expectDone(board.call(state));
    expect(srv()).toEqual(before);
  });
});

test("after an installation that was cut off and never rolled back, the next one has a whole version to go back to", () => {
  placeOld();
  newPayload();
  const commands = board.call("ArtifactInstall").commands.length;
  const random = new Random(SEED + 1);
  for (let at = 0; at < 6; at++) {
    const cut = random.pick(everyCut(commands));
    rmSync(board.path("srv"), { recursive: true });
    placeOld();
    newPayload();
    board.call("ArtifactInstall", { cut });
    newPayload();
    for (const state of ["ArtifactInstall", "ArtifactRollback", "Cleanup"]) expectDone(board.call(state));
    expect([OLD, NEW], JSON.stringify(cut)).toContainEqual(srv());
  }
});
