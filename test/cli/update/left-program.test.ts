import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { processFacts } from "../../../adapters/process/program-record.ts";
import { moduleRequest } from "../../artifact/artifact-requests.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { ManagedBoard } from "../managed/managed-board.ts";

let program: BuiltProgram;
beforeAll(async () => {
  program = await BuiltProgram.build();
});

let device: ManagedBoard;
beforeEach(async () => {
  device = await ManagedBoard.make(program);
});
afterEach(() => device.remove());

/** Works for minutes in two processes, and writes a file when it is ended. */
const AT_WORK = `trap 'say ended; exit 1' TERM
sleep 300 &
echo "$$ $!" >"$CALLS.new"
mv "$CALLS.new" "$CALLS.pids"
wait
say late`;

/** An Artifact for a module that records its calls and runs `inInstall`; the device also has a state script. */
async function artifact(inInstall: string, inScript = "true"): Promise<string> {
  const { board } = device;
  const head = `#!/bin/sh\nCALLS=${board.path("calls")}\nsay() { echo "$*" >>"$CALLS"; }\n`;
  await mkdir(board.path("share/modules/v3"), { recursive: true });
  await mkdir(board.path("etc/scripts"), { recursive: true });
  const cases = `say $1\ncase $1 in\nSupportsRollback) echo Yes;;\nArtifactInstall)\n${inInstall}\n;;\nesac\n`;
  await writeFile(board.path("share/modules/v3/slow"), head + cases, { mode: 0o755 });
  await writeFile(board.path("etc/scripts/version"), "3");
  await writeFile(board.path("etc/scripts/Download_Leave_00"), `${head}${inScript}\n`, { mode: 0o755 });
  await writeFile(board.file("data.bin"), "new");
  return await board.write(moduleRequest({ type: "slow", files: [board.file("data.bin")] }, { name: "v2" }));
}

async function calls(): Promise<readonly string[]> {
  return (await readFile(device.board.path("calls"), "utf8")).trim().split("\n");
}

/** Waits until the processes work. @returns these processes */
async function atWork(): Promise<readonly number[]> {
  const pids = device.board.path("calls.pids");
  while (!existsSync(pids)) await new Promise((resolve) => setTimeout(resolve, 5));
  return (await readFile(pids, "utf8")).trim().split(" ").map(Number);
}

const alive = (pids: readonly number[]): readonly number[] => pids.filter((pid) => processFacts(pid) !== undefined);

const LEFT = /^(?:warning: )?Ending a program that an earlier run left running: \/bin\/sh .*\(pid \d+\)$/;

test("'resume' ends the module of an agent that was killed before it rolls back", async () => {
  const { child, ended } = device.start("install", await artifact(AT_WORK));
  const pids = await atWork();
  child.kill("SIGKILL");
  await ended;
  expect(alive(pids)).toEqual(pids);

  const resumed = await device.run("resume");
  expect(resumed.err).toContainEqual(expect.stringMatching(LEFT));
  expect(alive(pids)).toEqual([]);
  const after = (await calls()).slice((await calls()).indexOf("ArtifactInstall"));
  expect(after.slice(0, 4)).toEqual(["ArtifactInstall", "ended", "SupportsRollback", "ArtifactRollback"]);
});

test("a state script of an agent that was killed is ended as well", async () => {
  const { child, ended } = device.start("install", await artifact("true", AT_WORK));
  const pids = await atWork();
  child.kill("SIGKILL");
  await ended;
  await device.run("resume");
  expect(alive(pids)).toEqual([]);
  expect(await calls()).not.toContain("late");
});

test("what a worker has left is ended by the next worker of the same daemon", async () => {
  const { board } = device;
  await device.deploy(await artifact(AT_WORK));
  const daemon = device.start("daemon");
  const pids = await atWork();
  const children = await readFile(`/proc/${daemon.child.pid}/task/${daemon.child.pid}/children`, "utf8");
  process.kill(Number(children.trim()), "SIGKILL");
  while ((await board.stored())["state"] !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  daemon.child.kill("SIGTERM");
  expect((await daemon.ended).err).toContainEqual(expect.stringMatching(LEFT));
  expect(alive(pids)).toEqual([]);
  const after = (await calls()).slice((await calls()).indexOf("ended"));
  expect([after[0], after[2], after.at(-1)]).toEqual(["ended", "ArtifactRollback", "Cleanup"]);
});

test("a program that a module leaves running on purpose is not ended", async () => {
  const leaves = `sleep 300 >/dev/null 2>&1 & echo "$!" >"$CALLS.pids"`;
  expect((await device.run("install", await artifact(leaves))).exitCode).toBe(0);
  const pids = await atWork();
  await device.run("rollback");
  expect(alive(pids)).toEqual(pids);
  for (const pid of pids) process.kill(pid, "SIGKILL");
});
