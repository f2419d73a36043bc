import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Random } from "../../qemu/harness/random.ts";
import { needs } from "../support/needs.ts";
import { type Called, type Cut, contentOf, createKiller, everyCut, ModuleBoard, place } from "./module-board.ts";

// Debian keeps rpm's database in the home folder, so the test uses its own folder as a temporary system, which also
// holds the files of the packages.
const COMMANDS = [...["bash", "cp", "mkdir", "mv", "readlink", "rm", "rmdir", "rpm", "sh", "sort", "sync", "tar"]];
const SEED = 20_260_108;
const CUTS = 14;

let packages: string;
let system: string;
let board: ModuleBoard;
let update: Readonly<Record<string, Buffer>>;

/** A package of `files` below the system, and of their folders; those below etc/ are configuration files. */
function build(name: string, version: string, files: Readonly<Record<string, string>>, tags = ""): Buffer {
  const topdir = join(packages, "build");
  rmSync(topdir, { recursive: true, force: true });
  rmSync(join(packages, "stage"), { recursive: true, force: true });
  for (const [path, content] of Object.entries(files)) place(join(packages, "stage", system, path), content);
  const folders = [...new Set(Object.keys(files).map((path) => `%dir ${dirname(join(system, path))}\n`))];
  const settings = (path: string): string => (path.startsWith("etc/") ? "%config(noreplace) " : "");
  const list = [...folders, ...Object.keys(files).map((path) => `${settings(path)}${join(system, path)}\n`)];
  const head = `Name: ${name}\nVersion: ${version}\nRelease: 1\nSummary: a test\nLicense: none\nBuildArch: noarch\n`;
  const install = `%install\nmkdir -p %{buildroot}\ncp -a ${packages}/stage/. %{buildroot}/\n`;
  writeFileSync(join(packages, "spec"), `${head}${tags}%description\nA test.\n${install}%files\n${list.join("")}`);
  execFileSync("rpmbuild", ["-bb", "--quiet", "--define", `_topdir ${topdir}`, join(packages, "spec")], {
    stdio: "pipe",
  });
  return readFileSync(join(topdir, "RPMS/noarch", `${name}-${version}-1.noarch.rpm`));
}

beforeAll(() => {
  packages = mkdtempSync("/dev/shm/switchback-rpm-");
  system = join(packages, "system");
  mkdirSync(system);
  const first = build("app", "1", { "opt/app/run": "app 1", "opt/app/one": "one", "etc/app.conf": "conf 1" });
  writeFileSync(join(packages, "first.rpm"), first);
  const old = build("helper", "1", { "opt/helper": "helper 1" });
  writeFileSync(join(packages, "old.rpm"), old);
  update = {
    "app-2.noarch.rpm": build(
      "app",
      "2",
      { "opt/app/run": "app 2", "opt/new/more": "two", "etc/app.conf": "conf 2" },
      "Requires: lib\nObsoletes: helper\n",
    ),
    "lib-1.noarch.rpm": build("lib", "1", { "opt/lib": "lib 1" }),
  };
  const env = { ...process.env, HOME: system };
  execFileSync("rpm", ["-U", join(packages, "first.rpm"), join(packages, "old.rpm")], { env, stdio: "pipe" });
  // A user has changed this file, so no update may lose it.
  writeFileSync(join(system, "etc/app.conf"), "mine");
  cpSync(system, join(packages, "master"), { recursive: true, preserveTimestamps: true });
});
afterAll(() => rmSync(packages, { recursive: true, force: true }));

beforeEach(() => {
  board = new ModuleBoard("rpm", COMMANDS);
  fresh();
});
afterEach(() => board.remove());

function fresh(): void {
  rmSync(system, { recursive: true, force: true });
  cpSync(join(packages, "master"), system, { recursive: true, preserveTimestamps: true });
  board.payload(update);
}

const run = (state: string, options: Parameters<ModuleBoard["call"]>[1] = {}): Called =>
  board.call(state, { ...options, env: { HOME: system } });

function expectDone(called: Called): void {
  expect(called.exitCode, called.stdout + called.stderr).toBe(0);
}

/** The packages that rpm knows, and every file outside of its database. */
function device(): Readonly<Record<string, unknown>> {
  const env = { ...process.env, HOME: system };
  const known = execFileSync("rpm", ["-qa"], { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const files = Object.entries(contentOf(system)).filter(([, what]) => !what.startsWith("folder"));
  return {
    known: known.split("\n").filter(Boolean).sort(),
    ...Object.fromEntries(files.filter(([path]) => !path.startsWith(".rpmdb/"))),
  };
}

const OLD = {
  known: ["app-1-1.noarch", "helper-1-1.noarch"],
  "etc/app.conf": "644 mine",
  "opt/app/one": "644 one",
  "opt/app/run": "644 app 1",
  "opt/helper": "644 helper 1",
};
const NEW = {
  known: ["app-2-1.noarch", "lib-1-1.noarch"],
  "etc/app.conf": "644 mine",
  "etc/app.conf.rpmnew": "644 conf 2",
  "opt/app/run": "644 app 2",
  "opt/lib": "644 lib 1",
  "opt/new/more": "644 two",
};

test("packages are installed, and changed settings stay", () => {
  for (const state of ["Download", "ArtifactInstall", "ArtifactCommit", "Cleanup"]) expectDone(run(state));
  expect(device()).toEqual(NEW);
});

needs("root").test("a rollback brings back the packages, the files and the database of before", () => {
  for (const state of ["ArtifactInstall", "ArtifactInstall", "ArtifactRollback", "ArtifactRollback", "Cleanup"]) {
    expectDone(run(state));
  }
  expect(device()).toEqual(OLD);
  expect(existsSync(join(system, "opt/new"))).toBe(false);
  const verified = execFileSync("rpm", ["-V", "helper"], { env: { ...process.env, HOME: system }, encoding: "utf8" });
  expect(verified).toBe("");
});

test("a file that cannot be deleted fails the rollback after all else is back, and Cleanup keeps what it needs", () => {
  expectDone(run("ArtifactInstall"));
  const real = readFileSync(board.path("bin/rm"), "utf8");
  writeFileSync(board.path("bin/rm"), real.replace(/^status=0$/m, 'case "$*" in *new/more*) exit 1 ;; esac\nstatus=0'));
  expect(run("ArtifactRollback")).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("be restored") });
  expect(device()).toEqual({ ...OLD, "opt/new/more": "644 two" });
  expect(run("Cleanup")).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(board.path("kept-by-rpm")) });
  expect(existsSync(board.path("kept-by-rpm/files.tar"))).toBe(true);
});

test("what rpm has once put beside the settings comes back as well", () => {
  writeFileSync(join(system, "etc/app.conf.rpmnew"), "of long ago");
  expectDone(run("ArtifactInstall"));
  expectDone(run("ArtifactRollback"));
  expect(device()).toEqual({ ...OLD, "etc/app.conf.rpmnew": "644 of long ago" });
});

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
  let killed = 0;
  // Commands that run at the same time may share a number, so the test does not always reach the last numbers.
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
      expect(device(), JSON.stringify(cut)).toEqual(NEW);
    }
    expectDone(run("ArtifactRollback"));
    expect(device(), JSON.stringify(cut)).toEqual(OLD);
  }
  for (let at = 0; at < CUTS / 2; at++) {
    const cut = random.pick(everyCut(restoring));
    fresh();
    expectDone(run("ArtifactInstall"));
    cutOff("ArtifactRollback", cut);
    expectDone(run("ArtifactRollback"));
    expect(device(), JSON.stringify(cut)).toEqual(OLD);
  }
  expect(killed).toBeGreaterThan(CUTS);
});

test("killed at random instants, it ends with the update or with what was there", () => {
  const random = new Random(SEED + 1);
  const killer = createKiller(random, 500);
  for (let at = 0; at < CUTS; at++) {
    fresh();
    killer.call((killAfterMs) => run("ArtifactInstall", { killAfterMs }));
    if (at % 2 === 0) {
      expectDone(run("ArtifactInstall"));
      expect(device(), `seed ${SEED}, cut ${at}`).toMatchObject({ known: NEW.known, "opt/app/run": "644 app 2" });
    }
    expectDone(run("ArtifactRollback"));
    expect(device(), `seed ${SEED}, cut ${at}`).toEqual(OLD);
  }
  expect(killer.killed()).toBeGreaterThan(CUTS / 4);
});

test.each<[string, Readonly<Record<string, string>>]>([
  ["no package", { "app.deb": "x" }],
  ["a file that is no package", { "app.rpm": "no package" }],
])("a payload of %s is refused before anything changes", (_title, files) => {
  board.payload(files);
  expect(run("ArtifactInstall")).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("rpm: ") });
  expectDone(run("ArtifactRollback"));
  expect(device()).toEqual(OLD);
});

test("a package that needs what is not there is rolled back", () => {
  board.payload({ "app-3.noarch.rpm": build("app", "3", { "opt/app/run": "app 3" }, "Requires: nowhere\n") });
  expect(run("ArtifactInstall").exitCode).not.toBe(0);
  expectDone(run("ArtifactRollback"));
  expect(device()).toEqual(OLD);
});

test.each<[string, () => void]>([
  ["whole", () => undefined],
  ["half there", () => rmSync(join(system, "opt/new/more"))],
])(
  "over a version that the module has committed and that is %s, a rollback brings back exactly that",
  (_is, damage) => {
    for (const state of ["ArtifactInstall", "ArtifactCommit", "Cleanup"]) expectDone(run(state));
    damage();
    const before = device();
    board.payload({ "app-3.noarch.rpm": build("app", "3", { "opt/app/run": "app 3", "opt/app/three": "3" }) });
    expectDone(run("ArtifactInstall"));
    expect(device()).toMatchObject({ known: ["app-3-1.noarch", "lib-1-1.noarch"], "opt/app/three": "644 3" });
    for (const state of ["ArtifactRollback", "Cleanup"]) expectDone(run(state));
    expect(device()).toEqual(before);
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
    expect(device(), JSON.stringify(cut)).toMatchObject({ known: NEW.known, "opt/app/run": "644 app 2" });
  }
});
