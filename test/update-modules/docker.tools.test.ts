import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Random } from "../fuzz/random.ts";
import { type Called, type Cut, everyCut, ModuleBoard } from "./module-board.ts";

const COMMANDS = ["cat", "grep", "jq", "mkdir", "mv", "podman", "rm", "sync"];
const SEED = 20_260_107;
const CUTS = 8;
const OLD_IMAGE = "localhost/app:1";
const NEW_IMAGE = "localhost/app:2";

let board: ModuleBoard;
let env: Readonly<Record<string, string>>;
beforeEach(() => {
  board = new ModuleBoard("docker", COMMANDS);
  env = { CONTAINERS_STORAGE_CONF: board.path("storage.conf") };
  const folders = `graphroot = "${board.path("graph")}"\nrunroot = "${board.path("run")}"\n`;
  writeFileSync(board.path("storage.conf"), `[storage]\ndriver = "vfs"\n${folders}`);
  mkdirSync(board.path("content"));
});
afterEach(() => board.remove());

const podman = (...args: readonly string[]): string =>
  execFileSync("podman", args, {
    env: { ...process.env, ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });

/** Builds an image from scratch. */
function build(name: string, content: string): void {
  writeFileSync(board.path("content/file"), content);
  execFileSync("tar", ["-cf", board.path("content.tar"), "-C", board.path("content"), "."]);
  podman("import", "-q", "--change", "CMD=/file", board.path("content.tar"), name);
}

/** A device with the old image, which an engine may run, and an Artifact that brings the new one. */
function fresh(containers: readonly string[] = [NEW_IMAGE]): void {
  for (const folder of ["graph", "run", "running"]) rmSync(board.path(folder), { recursive: true, force: true });
  build(NEW_IMAGE, "new");
  rmSync(board.path("new.tar"), { force: true });
  podman("save", "-q", "-o", board.path("new.tar"), NEW_IMAGE);
  podman("rmi", NEW_IMAGE);
  build(OLD_IMAGE, "old");
  board.payload({ "app.tar": readFileSync(board.path("new.tar")) }, { containers, run_args: "--network none" });
}

/**
 * An engine called docker that is podman in all but one thing: a container counts as running while its name is
 * in a file, because not every machine that runs this lets podman start one.
 */
function haveDocker(): void {
  const script = `#!/bin/sh
state="$BOARD/running"
[ -e "$state" ] || : >"$state"
forget() { for id in "$@"; do /usr/bin/grep -v "$id" "$state" >"$state.new" || :; /bin/mv "$state.new" "$state"; done; }
case "$1" in
  run) shift 2; id=$(podman create "$@") && echo "$id" >>"$state" && echo "$id" ;;
  start) shift; forget "$@"; for id in "$@"; do echo "$id" >>"$state"; done ;;
  stop) shift; forget "$@" ;;
  ps) if [ "$2" = -q ]; then /bin/cat "$state"; else podman "$@"; fi ;;
  rm) podman "$@" && shift 2 && forget "$@" ;;
  *) podman "$@" ;;
esac
`;
  writeFileSync(board.path("bin/docker"), script, { mode: 0o755 });
}

const runOld = (): string => {
  const id = podman("create", "--network", "none", OLD_IMAGE).trim();
  writeFileSync(board.path("running"), `${id}\n`);
  return id;
};

const call = (state: string, cut?: Cut): Called => board.call(state, cut === undefined ? { env } : { env, cut });

function expectDone(called: Called): void {
  expect(called.exitCode, called.stdout + called.stderr).toBe(0);
}

/** Images by name, and the images of all containers; those that run are marked. */
function device(): unknown {
  const running = haveFile("running").split("\n");
  const lines = podman("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Image}}").split("\n").filter(Boolean);
  const containers = lines.map((line) => {
    const [id = "", image = ""] = line.split(" ");
    return running.includes(id) ? `${image} runs` : image;
  });
  const images = podman("images", "--format", "{{.Repository}}:{{.Tag}}").split("\n").filter(Boolean);
  return { images: images.sort(), containers: containers.sort() };
}

function haveFile(name: string): string {
  try {
    return readFileSync(board.path(name), "utf8");
  } catch {
    return ""; // ignored: nothing has run yet.
  }
}

const OLD = { images: [OLD_IMAGE], containers: [`${OLD_IMAGE} runs`] };
const NEW = { images: [OLD_IMAGE, NEW_IMAGE], containers: [OLD_IMAGE, `${NEW_IMAGE} runs`] };

test("the images are loaded and run in place of what has run, also when the call is repeated", () => {
  haveDocker();
  fresh();
  runOld();
  for (const state of ["Download", "ArtifactInstall", "ArtifactInstall", "ArtifactCommit", "Cleanup"]) {
    expectDone(call(state));
  }
  expect(device()).toEqual(NEW);
});

test("a rollback starts what has run, and removes the containers and the images of the update", () => {
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
  const [before] = podman("images", "--no-trunc", "-q", OLD_IMAGE).split("\n");
  podman("tag", OLD_IMAGE, NEW_IMAGE);
  expectDone(call("ArtifactInstall"));
  expect(podman("images", "--no-trunc", "-q", NEW_IMAGE)).not.toContain(before);
  expectDone(call("ArtifactRollback"));
  expect(podman("images", "--no-trunc", "-q", NEW_IMAGE).trim()).toBe(before);
  expect(device()).toMatchObject({ images: [OLD_IMAGE, NEW_IMAGE] });
});

test("a container that cannot be started fails the installation, and the rollback removes what podman has made", () => {
  fresh();
  // Refused by the kernel, or by the image: its program is no program. Either way podman has made a container.
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

test("a device without an engine says so before anything is downloaded", () => {
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

test("a call that is cut off at any command is repeated or rolled back", () => {
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
}, 120_000);
