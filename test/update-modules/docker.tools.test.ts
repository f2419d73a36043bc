import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect } from "vitest";
import { Random } from "../../qemu/harness/random.ts";
import { needs } from "../support/needs.ts";
import { ContainerEngine } from "./container-engine.ts";
import { type Called, type Cut, everyCut, ModuleBoard } from "./module-board.ts";

const { test } = needs("containers");

const COMMANDS = ["cat", "grep", "jq", "mkdir", "mv", "podman", "rm", "sync"];
const SEED = 20_260_107;
const CUTS = 8;
const OLD_IMAGE = "localhost/app:1";
const NEW_IMAGE = "localhost/app:2";

let board: ModuleBoard;
let engine: ContainerEngine;
beforeEach(() => {
  board = new ModuleBoard("docker", COMMANDS);
  engine = new ContainerEngine(board.dir);
});
afterEach(() => board.remove());

/** A device with the old image, which an engine may run, and an Artifact with the new image. */
function fresh(containers: readonly string[] = [NEW_IMAGE]): void {
  engine.clear();
  const archive = engine.archive(NEW_IMAGE, "new");
  engine.build(OLD_IMAGE, "old");
  board.payload({ "app.tar": archive }, { containers, run_args: "--network none" });
}

const haveDocker = (): void => engine.installDocker(board.path("bin"));
const runOld = (): void => engine.run(OLD_IMAGE);
const device = (): unknown => engine.contents();

const call = (state: string, cut?: Cut): Called =>
  board.call(state, cut === undefined ? { env: engine.env } : { env: engine.env, cut });

function expectDone(called: Called): void {
  expect(called.exitCode, called.stdout + called.stderr).toBe(0);
}

const OLD = { images: [OLD_IMAGE], containers: [`${OLD_IMAGE} runs`] };
const NEW = { images: [OLD_IMAGE, NEW_IMAGE], containers: [OLD_IMAGE, `${NEW_IMAGE} runs`] };

test("the new containers replace the running ones, even if the call is repeated", () => {
  haveDocker();
  fresh();
  runOld();
  for (const state of ["Download", "ArtifactInstall", "ArtifactInstall", "ArtifactCommit", "Cleanup"]) {
    expectDone(call(state));
  }
  expect(device()).toEqual(NEW);
});

test("a rollback starts the previous containers, and removes the containers and the images of the update", () => {
  haveDocker();
  fresh();
  runOld();
  for (const state of ["ArtifactInstall", "ArtifactRollback", "ArtifactRollback", "ArtifactFailure", "Cleanup"]) {
    expectDone(call(state));
  }
  expect(device()).toEqual(OLD);
});

test("an image name that moves with the update moves back with the rollback", () => {
  haveDocker();
  fresh();
  const [before] = engine.podman("images", "--no-trunc", "-q", OLD_IMAGE).split("\n");
  engine.podman("tag", OLD_IMAGE, NEW_IMAGE);
  expectDone(call("ArtifactInstall"));
  expect(engine.podman("images", "--no-trunc", "-q", NEW_IMAGE)).not.toContain(before);
  expectDone(call("ArtifactRollback"));
  expect(engine.podman("images", "--no-trunc", "-q", NEW_IMAGE).trim()).toBe(before);
  expect(device()).toMatchObject({ images: [OLD_IMAGE, NEW_IMAGE] });
});

test.each([
  ["a tag that has moved in the registry is pulled", "example.org/app:1", "new"],
  ["a name that no registry has is not asked for", OLD_IMAGE, "old"],
])("without files %s, and the rollback moves it back", (_title, name, content) => {
  haveDocker();
  engine.clear();
  writeFileSync(board.path("registry.tar"), engine.archive(name, "new"));
  engine.build(name, "old");
  engine.run(name);
  board.payload({}, { containers: [name], run_args: "--network none" });
  for (const state of ["ArtifactInstall", "ArtifactInstall"]) expectDone(call(state));
  expect(engine.contentOf(name)).toBe(content);
  for (const state of ["ArtifactRollback", "Cleanup"]) expectDone(call(state));
  expect(engine.contentOf(name)).toBe("old");
  expect(device()).toEqual({ images: [name], containers: [`${name} runs`] });
});

test("a container of the update that cannot be removed fails the rollback, after the previous containers are started", () => {
  haveDocker();
  fresh();
  runOld();
  expectDone(call("ArtifactInstall"));
  const real = readFileSync(board.path("bin/docker"), "utf8");
  writeFileSync(board.path("bin/docker"), real.replace('case "$1" in', 'case "$1" in\n  rm) exit 1 ;;'));
  expect(call("ArtifactRollback")).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("cannot be removed") });
  expect(engine.contents().containers).toContain(`${OLD_IMAGE} runs`);
  writeFileSync(board.path("bin/docker"), real);
  expectDone(call("ArtifactRollback"));
  expect(device()).toEqual(OLD);
});

test("a container that cannot be started fails the installation, and the rollback removes what podman has created", () => {
  fresh();
  // The kernel refuses the container, or the file in the image is not a program. In both cases podman has created a
  // container.
  const called = call("ArtifactInstall");
  expect(called.exitCode).not.toBe(0);
  expect(called.commands.at(-1)).toMatch(
    /^podman run -dt --label switchback.update=yes --network none localhost\/app:2/,
  );
  expect(device()).toEqual({ images: [OLD_IMAGE, NEW_IMAGE], containers: [NEW_IMAGE] });
  expectDone(call("ArtifactRollback"));
  expect(device()).toEqual({ images: [OLD_IMAGE], containers: [] });
});

test("an image that cannot be fetched fails the installation before anything is stopped", () => {
  haveDocker();
  fresh(["localhost:1/nowhere/app:3"]);
  runOld();
  expect(call("ArtifactInstall").exitCode).not.toBe(0);
  expect(device()).toEqual({ ...NEW, containers: [`${OLD_IMAGE} runs`] });
  expectDone(call("ArtifactRollback"));
  expect(device()).toEqual(OLD);
});

test("the answers are No and Yes, and an unknown state says nothing", () => {
  board.payload({}, { containers: [NEW_IMAGE] });
  expect(call("NeedsArtifactReboot")).toMatchObject({ exitCode: 0, stdout: "No\n" });
  expect(call("SupportsRollback")).toMatchObject({ exitCode: 0, stdout: "Yes\n" });
  for (const state of ["ProvidePayloadFileSizes", "ArtifactRollback", "Cleanup", "SomethingNew", ""]) {
    expect(call(state)).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  }
});

test("a device without an engine reports it before anything is downloaded", () => {
  rmSync(board.path("bin/podman"));
  board.payload({}, { containers: [NEW_IMAGE] });
  const stderr = "docker: neither docker nor podman is on this device\n";
  expect(call("Download")).toMatchObject({ exitCode: 1, stderr });
});

test.each([
  ["without containers", { containers: [] }],
  ["that is missing", null],
  ["with an option for an image", { containers: ["--privileged"] }],
])("meta-data %s is refused", (_title, metaData) => {
  board.payload({}, metaData);
  expect(call("ArtifactInstall")).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^docker: /) });
});

test("without jq the meta-data is read by the program that runs the agent", () => {
  haveDocker();
  fresh();
  writeFileSync(board.path("bin/node"), `#!/bin/sh\nexec ${process.execPath} "$@"\n`, { mode: 0o755 });
  rmSync(board.path("bin/jq"));
  expectDone(call("ArtifactInstall"));
  expect(device()).toEqual({ images: [OLD_IMAGE, NEW_IMAGE], containers: [`${NEW_IMAGE} runs`] });
});

test("a call that is interrupted at any command can be repeated or rolled back", () => {
  haveDocker();
  fresh();
  runOld();
  const installing = call("ArtifactInstall").commands.length;
  const restoring = call("ArtifactRollback").commands.length;
  const random = new Random(SEED);
  let killed = 0;
  const cutOff = (state: string, cut: Cut): void => {
    const called = call(state, cut);
    if (called.exitCode === undefined) killed++;
    else expectDone(called);
  };
  for (let at = 0; at < CUTS; at++) {
    const cut = random.pick(everyCut(installing));
    fresh();
    runOld();
    cutOff("ArtifactInstall", cut);
    if (at % 2 === 0) {
      expectDone(call("ArtifactInstall"));
      expect(device(), JSON.stringify(cut)).toEqual(NEW);
    }
    expectDone(call("ArtifactRollback"));
    expect(device(), JSON.stringify(cut)).toEqual(OLD);
  }
  for (let at = 0; at < CUTS / 2; at++) {
    const cut = random.pick(everyCut(restoring));
    fresh();
    runOld();
    expectDone(call("ArtifactInstall"));
    cutOff("ArtifactRollback", cut);
    expectDone(call("ArtifactRollback"));
    expect(device(), JSON.stringify(cut)).toEqual(OLD);
  }
  expect(killed).toBeGreaterThan(CUTS);
});

test.each<[string, () => void]>([
  ["runs", () => undefined],
  ["has stopped", () => writeFileSync(board.path("running"), "")],
])("over a version that the module has committed and that %s, a rollback brings back exactly that", (_is, damage) => {
  haveDocker();
  fresh();
  runOld();
  for (const state of ["ArtifactInstall", "ArtifactCommit", "Cleanup"]) expectDone(call(state));
  damage();
  const before = device();
  const newest = "localhost/app:3";
  board.payload({ "app.tar": engine.archive(newest, "newest") }, { containers: [newest], run_args: "--network none" });
  expectDone(call("ArtifactInstall"));
  expect(engine.contents().containers).toContain(`${newest} runs`);
  for (const state of ["ArtifactRollback", "Cleanup"]) expectDone(call(state));
  expect(device()).toEqual(before);
});

test("after an installation that was interrupted and never rolled back, the next one is complete", () => {
  haveDocker();
  fresh();
  const archive = engine.archive("localhost/app:3", "newest");
  const random = new Random(SEED + 1);
  runOld();
  const commands = call("ArtifactInstall").commands.length;
  for (let at = 0; at < 2; at++) {
    const cut = random.pick(everyCut(commands));
    fresh();
    runOld();
    call("ArtifactInstall", cut);
    board.payload({ "app.tar": archive }, { containers: ["localhost/app:3"], run_args: "--network none" });
    expectDone(call("ArtifactInstall"));
    const running = engine.contents().containers.filter((container) => container.endsWith(" runs"));
    expect(running, JSON.stringify(cut)).toEqual(["localhost/app:3 runs"]);
  }
});
