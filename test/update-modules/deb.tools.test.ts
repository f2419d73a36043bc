import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from "vitest";
import { Random } from "../../qemu/harness/random.ts";
import { needs } from "../support/needs.ts";
import { type Called, type Cut, contentOf, createKiller, everyCut, ModuleBoard, place } from "./module-board.ts";

const { test } = needs("root");

// dpkg starts some of these itself, so the test also cuts the power while dpkg runs.
const COMMANDS = [
  ...["awk", "chmod", "dpkg", "dpkg-deb", "dpkg-query", "dpkg-split", "mkdir", "mv", "rm", "sh", "sync", "tar"],
  ...["diff", "grep", "ldconfig", "start-stop-daemon"],
];
const SEED = 20_260_106;
const CUTS = 14;

let packages: string;
let board: ModuleBoard;
let env: Readonly<Record<string, string>>;

/** A package of `files`; those below etc/ are configuration files. */
function build(name: string, version: string, files: Readonly<Record<string, string>>, control = ""): Buffer {
  const stage = join(packages, "stage");
  rmSync(stage, { recursive: true, force: true });
  const fields = { Package: name, Version: version, Architecture: "all", Maintainer: "Test <test@example.org>" };
  const lines = Object.entries(fields).map(([key, value]) => `${key}: ${value}\n`);
  place(join(stage, "DEBIAN/control"), `${lines.join("")}${control}Description: a test\n A second line.\n`);
  place(join(stage, "DEBIAN/postinst"), `#!/bin/sh\necho "$1 ${name} ${version}" >>"$BOARD/scripts"\n`, 0o755);
  const settings = Object.keys(files).filter((path) => path.startsWith("etc/"));
  if (settings.length > 0) place(join(stage, "DEBIAN/conffiles"), settings.map((path) => `/${path}\n`).join(""));
  for (const [path, content] of Object.entries(files)) place(join(stage, path), content);
  execFileSync("dpkg-deb", ["--root-owner-group", "-Znone", "-b", stage, join(packages, "made.deb")]);
  return readFileSync(join(packages, "made.deb"));
}

let update: Readonly<Record<string, Buffer>>;
beforeAll(() => {
  packages = mkdtempSync("/dev/shm/switchback-deb-");
  const system = join(packages, "system");
  mkdirSync(join(system, "var/lib/dpkg/info"), { recursive: true });
  mkdirSync(join(system, "var/lib/dpkg/updates"));
  for (const name of ["status", "available"]) writeFileSync(join(system, "var/lib/dpkg", name), "");
  const files = { "opt/app/run": "app 1", "opt/app/only 1": "one", "etc/app.conf": "conf 1", "etc/b.conf": "b 1" };
  build("app", "1", files, "Section: misc\n");
  const install = { ...process.env, DPKG_ROOT: system, DPKG_FORCE: "script-chrootless", BOARD: packages };
  execFileSync("dpkg", ["-i", join(packages, "made.deb")], { env: install });
  // A user has changed this file, so no update may lose it.
  writeFileSync(join(system, "etc/app.conf"), "mine");
  update = {
    "app_2_all.deb": build(
      "app",
      "2",
      {
        "opt/app/run": "app 2",
        "opt/lib/more": "two",
        "etc/app.conf": "conf 2",
        "etc/b.conf": "b 2",
        "etc/c.conf": "c",
      },
      "Depends: lib\n",
    ),
    "lib_1_all.deb": build("lib", "1", { "opt/lib/lib": "lib 1" }),
  };
});
afterAll(() => rmSync(packages, { recursive: true, force: true }));

beforeEach(() => {
  board = new ModuleBoard("deb", COMMANDS);
  env = { DPKG_ROOT: board.path("system"), DPKG_FORCE: "script-chrootless" };
  fresh();
});
afterEach(() => board.remove());

function fresh(): void {
  rmSync(board.path("system"), { recursive: true, force: true });
  cpSync(join(packages, "system"), board.path("system"), { recursive: true });
  board.payload(update);
}

const run = (state: string, options: Parameters<ModuleBoard["call"]>[1] = {}): Called =>
  board.call(state, { ...options, env });

function expectDone(called: Called): void {
  expect(called.exitCode, called.stdout + called.stderr).toBe(0);
}

/** The packages that dpkg knows, and every file outside of its database. */
function system(): Readonly<Record<string, unknown>> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills the braces in.
  const format = "${Package} ${Version} ${db:Status-Abbrev}\\n";
  const known = execFileSync("dpkg-query", ["-W", "-f", format], {
    env: { ...process.env, ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const files = Object.entries(contentOf(board.path("system"))).filter(([, what]) => !what.startsWith("folder"));
  return { known, ...Object.fromEntries(files.filter(([path]) => !path.startsWith("var/"))) };
}

const OLD = {
  known: "app 1 ii \n",
  "etc/app.conf": "644 mine",
  "etc/b.conf": "644 b 1",
  "opt/app/only 1": "644 one",
  "opt/app/run": "644 app 1",
};
const NEW = {
  known: "app 2 ii \nlib 1 ii \n",
  "etc/app.conf": "644 mine",
  "etc/app.conf.dpkg-dist": "644 conf 2",
  "etc/b.conf": "644 b 2",
  "etc/c.conf": "644 c",
  "opt/app/run": "644 app 2",
  "opt/lib/lib": "644 lib 1",
  "opt/lib/more": "644 two",
};

test("packages are installed in the order of their dependencies, and changed settings stay", () => {
  for (const state of ["Download", "ArtifactInstall", "ArtifactCommit", "Cleanup"]) expectDone(run(state));
  expect(system()).toEqual(NEW);
  expect(readFileSync(board.path("scripts"), "utf8").trim().split("\n")).toEqual([
    "configure lib 1",
    "configure app 2",
  ]);
});

test("a rollback installs the version of before and takes away what was not installed", () => {
  for (const state of ["ArtifactInstall", "ArtifactInstall", "ArtifactRollback", "ArtifactRollback", "Cleanup"]) {
    expectDone(run(state));
  }
  expect(withoutLeftovers()).toEqual(OLD);
  const version = execFileSync("dpkg-query", ["-W", "-f", "$" + "{Section} $" + "{Description}", "app"], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  expect(version).toBe("misc a test\n A second line.");
});

/** dpkg leaves the configuration file that it did not install beside the one that it keeps. */
function withoutLeftovers(): unknown {
  const { "etc/app.conf.dpkg-dist": _dist, "etc/app.conf.dpkg-new": _new, ...rest } = system();
  return rest;
}

test("the answers are No and Yes, and an unknown state says nothing", () => {
  expect(run("NeedsArtifactReboot")).toMatchObject({ exitCode: 0, stdout: "No\n" });
  expect(run("SupportsRollback")).toMatchObject({ exitCode: 0, stdout: "Yes\n" });
  for (const state of ["ProvidePayloadFileSizes", "Download", "ArtifactRollback", "Cleanup", "SomethingNew", ""]) {
    expect(run(state)).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  }
});

test("a call that is cut off at any command is repeated or rolled back", () => {
  const installing = run("ArtifactInstall").commands.length;
  const restoring = run("ArtifactRollback").commands.length;
  const random = new Random(SEED);
  // Commands that run at the same time may share a number, so the test does not always reach the last numbers.
  let killed = 0;
  const cutOff = (state: string, cut: Cut): void => {
    const called = run(state, { cut });
    if (called.exitCode === undefined) killed++;
    else expectDone(called);
  };
  for (let at = 0; at < CUTS; at++) {
    const cut = random.pick(everyCut(installing));
    fresh();
    cutOff("ArtifactInstall", cut);
    if (at % 2 === 0) {
      expectDone(run("ArtifactInstall"));
      expect(system(), JSON.stringify(cut)).toMatchObject({ known: NEW.known, "opt/app/run": "644 app 2" });
    }
    expectDone(run("ArtifactRollback"));
    expect(withoutLeftovers(), JSON.stringify(cut)).toEqual(OLD);
  }
  for (let at = 0; at < CUTS / 2; at++) {
    const cut = random.pick(everyCut(restoring));
    fresh();
    expectDone(run("ArtifactInstall"));
    cutOff("ArtifactRollback", cut);
    expectDone(run("ArtifactRollback"));
    expect(withoutLeftovers(), JSON.stringify(cut)).toEqual(OLD);
  }
  expect(killed).toBeGreaterThan(CUTS);
});

test("killed at random instants, it ends with the update or with what was there", () => {
  const random = new Random(SEED + 1);
  const killer = createKiller(random, 400);
  for (let at = 0; at < CUTS; at++) {
    fresh();
    killer.call((killAfterMs) => run("ArtifactInstall", { killAfterMs }));
    if (at % 2 === 0) {
      expectDone(run("ArtifactInstall"));
      expect(system(), `seed ${SEED}, cut ${at}`).toMatchObject({ known: NEW.known, "opt/app/run": "644 app 2" });
    }
    expectDone(run("ArtifactRollback"));
    expect(withoutLeftovers(), `seed ${SEED}, cut ${at}`).toEqual(OLD);
  }
  expect(killer.killed()).toBeGreaterThan(CUTS / 4);
});

test.each<[string, Readonly<Record<string, string>>]>([
  ["no package", { "app.rpm": "x" }],
  ["a file that is no package", { "app.deb": "no package" }],
])("a payload of %s is refused before anything changes", (_title, files) => {
  board.payload(files);
  expect(run("ArtifactInstall")).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("deb: ") });
  expectDone(run("ArtifactRollback"));
  expect(system()).toEqual(OLD);
});

test("a package that cannot be configured is rolled back", () => {
  board.payload({ "app_3_all.deb": build("app", "3", { "opt/app/run": "app 3" }, "Depends: nowhere\n") });
  expect(run("ArtifactInstall").exitCode).not.toBe(0);
  expectDone(run("ArtifactRollback"));
  expect(withoutLeftovers()).toEqual(OLD);
});

describe("packages of another name that the update removes, or takes files from", () => {
  /** Adds a package to the device with which every test begins. */
  function installed(deb: Buffer): void {
    writeFileSync(board.path("more.deb"), deb);
    execFileSync("dpkg", ["-i", board.path("more.deb")], { env: { ...process.env, ...env, BOARD: board.dir } });
  }
  const TOY = { "opt/toy/run": "toy 1", "etc/toy.conf": "mine" };
  const SUCCESSOR = "Conflicts: other,\n toy (<< 9)\nReplaces: toy\nProvides: toy\n";

  test.each<[string, string, string, Readonly<Record<string, string>>]>([
    ["a package that is replaced", "", SUCCESSOR, { "opt/toy/run": "toyng 2" }],
    ["a package that is broken up", "", "Replaces: toy (<< 2)\nBreaks: toy (<< 0.1)\n", { "opt/toy/run": "toyng 2" }],
    ["a package whose only files are taken over", "", "Replaces: toy\n", { ...TOY, "opt/toy/run": "toyng 2" }],
  ])("%s is there again after the rollback", (_title, before, relations, files) => {
    installed(build("toy", "1.0", TOY, before));
    const start = system();
    board.payload({ "toyng_2_all.deb": build("toyng", "2", { ...files, "opt/toyng": "new" }, relations) });
    expectDone(run("ArtifactInstall"));
    expect(system()).toMatchObject({ "opt/toyng": "644 new" });
    for (const state of ["ArtifactRollback", "ArtifactRollback", "Cleanup"]) expectDone(run(state));
    expect(system()).toEqual(start);
  });

  test("a newer version that conflicts goes before what it has removed comes back", () => {
    installed(build("toyng", "1", { "opt/toyng": "old" }));
    installed(build("toy", "1.0", TOY));
    const start = system();
    board.payload({ "toyng_2_all.deb": build("toyng", "2", { "opt/toyng": "new" }, SUCCESSOR) });
    expectDone(run("ArtifactInstall"));
    expect(system()).not.toHaveProperty("opt/toy/run");
    expectDone(run("ArtifactRollback"));
    expect(system()).toEqual(start);
  });

  test("what is not there again fails the rollback by its name, and Cleanup keeps it", () => {
    installed(build("toy", "1.0", TOY));
    board.payload({ "toyng_2_all.deb": build("toyng", "2", {}, SUCCESSOR) });
    expectDone(run("ArtifactInstall"));
    for (const name of readdirSync(board.path("tree/tmp/previous"))) {
      if (name.endsWith(".deb")) rmSync(board.path("tree/tmp/previous", name));
    }
    expect(run("ArtifactRollback")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("toy 1.0 could not"),
    });
    expect(run("Cleanup")).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(board.path("kept-by-deb")) });
  });
});

test("the folder that a package has and a link has replaced stays a link", () => {
  cpSync(board.path("system/opt/app"), board.path("system/srv/app"), { recursive: true });
  rmSync(board.path("system/opt/app"), { recursive: true });
  place(board.path("system/opt/app"), { link: "../srv/app" });
  expectDone(run("ArtifactInstall"));
  expectDone(run("ArtifactRollback"));
  expect(system()).toMatchObject({
    "opt/app": "-> ../srv/app",
    "srv/app/run": "644 app 1",
    "srv/app/only 1": "644 one",
  });
});

test.each<[string, () => void]>([
  ["whole", () => undefined],
  ["half there", () => rmSync(board.path("system/opt/lib/more"))],
])(
  "over a version that the module has committed and that is %s, a rollback brings back exactly that",
  (_is, damage) => {
    for (const state of ["ArtifactInstall", "ArtifactCommit", "Cleanup"]) expectDone(run(state));
    damage();
    const before = withoutLeftovers();
    board.payload({ "app_3_all.deb": build("app", "3", { "opt/app/run": "app 3", "opt/app/three": "3" }) });
    expectDone(run("ArtifactInstall"));
    expect(system()).toMatchObject({ known: "app 3 ii \nlib 1 ii \n", "opt/app/three": "644 3" });
    for (const state of ["ArtifactRollback", "Cleanup"]) expectDone(run(state));
    expect(withoutLeftovers()).toEqual(before);
  },
);

test("after an installation that was cut off and never rolled back, the next one is whole", () => {
  const commands = run("ArtifactInstall").commands.length;
  const random = new Random(SEED + 2);
  for (let at = 0; at < 3; at++) {
    const cut = random.pick(everyCut(commands));
    fresh();
    run("ArtifactInstall", { cut });
    board.payload(update);
    expectDone(run("ArtifactInstall"));
    expect(system(), JSON.stringify(cut)).toMatchObject({ known: NEW.known, "opt/app/run": "644 app 2" });
  }
});
