import { mkdir, readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { empty, refusal, token } from "../../support/answers.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { codesOf } from "../../support/test-board.ts";
import { ManagedBoard } from "./managed-board.ts";

let program: BuiltProgram;
beforeAll(async () => {
  program = await BuiltProgram.build();
});

let device: ManagedBoard;
beforeEach(async () => {
  device = await ManagedBoard.make(program);
  await device.board.configure({ UpdatePollIntervalSeconds: 3600 });
});
afterEach(() => device.remove());

test("'check-update' and 'send-inventory' make the daemon ask at once, and no debugger is opened", async () => {
  const { board, server } = device;
  const { child, ended } = await device.idleDaemon();
  expect(await board.agent("check-update")).toMatchObject({ exitCode: 0, out: [], err: [] });
  await server.asked("next", 2);
  await mkdir(board.path("share/inventory"));
  await writeFile(board.path("share/inventory/mender-inventory-x"), "#!/bin/sh\necho count=2\n", { mode: 0o755 });
  expect(await board.agent("send-inventory")).toMatchObject({ exitCode: 0, out: [], err: [] });
  await server.asked("inventory", 2);
  child.kill("SIGTERM");
  const { exitCode, err } = await ended;
  expect([exitCode, err.filter((line) => !line.startsWith("info: "))]).toEqual([0, []]);
});

test("the next poll uses the token that was replaced during the inventory", async () => {
  const { board, server } = device;
  server.answer("auth", token("t1"), token("t2")).answer("inventory", empty(200), refusal(401), empty(200));
  await device.idleDaemon();
  await mkdir(board.path("share/inventory"));
  await writeFile(board.path("share/inventory/mender-inventory-x"), "#!/bin/sh\necho count=2\n", { mode: 0o755 });
  await board.agent("send-inventory");
  await server.asked("inventory", 3);
  await board.agent("check-update");
  await server.asked("next", 2);
  expect(server.of("next").map(({ headers }) => headers.authorization)).toEqual(["Bearer t1", "Bearer t2"]);
});

for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
  test(`${signal} ends the daemon with exit status 0, and signals nothing else`, async () => {
    const { child, ended } = await device.idleDaemon();
    child.kill(signal);
    expect((await ended).exitCode).toBe(0);
    const late = await device.board.agent("check-update");
    expect([late.exitCode, codesOf(late)]).toEqual([1, ["DAEMON_MISSING"]]);
  });
}

test("a process with the pid of a killed daemon gets no signal", async () => {
  const { child, ended } = await device.idleDaemon();
  child.kill("SIGKILL");
  await ended;
  await writeFile(device.board.path("data/switchback-daemon.pid"), `${process.pid}\n`);
  expect(codesOf(await device.board.agent("check-update"))).toEqual(["DAEMON_MISSING"]);
});

test("a second daemon on the same device is refused, and the first one continues", async () => {
  const { child } = await device.idleDaemon();
  const second = await device.run("daemon");
  expect([second.exitCode, second.err.at(-1)]).toEqual([1, expect.stringContaining("DAEMON_RUNNING")]);
  expect(await readFile(device.board.path("data/switchback-daemon.pid"), "utf8")).toBe(`${child.pid}\n`);
  expect((await device.board.agent("check-update")).exitCode).toBe(0);
  await device.server.asked("next", 2);
});

test("a daemon without a server stays, sends nothing and reports it once; a signal ends it with exit status 0", async () => {
  const { board, server } = device;
  await board.configure({ ServerURL: "" });
  const { child, ended } = device.start("daemon");
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk;
  });
  await expect.poll(() => said).toContain("names no server");
  const asked = await board.agent("check-update");
  expect([asked.exitCode, child.exitCode]).toEqual([0, null]);
  child.kill("SIGTERM");
  const { exitCode, err } = await ended;
  expect([exitCode, err.filter((line) => line.includes("names no server")).length]).toEqual([0, 1]);
  expect(server.conversation).toEqual([]);
});

test("between two polls the command line has its turn", async () => {
  const { board } = device;
  await device.idleDaemon();
  expect((await board.agent("install", await board.release("v2"))).exitCode).toBe(0);
  expect((await board.agent("rollback")).exitCode).toBe(0);
});

test("a device that is not accepted yet keeps asking", async () => {
  device.server.answer("auth", empty(401), empty(401), ({ response }) => void response.writeHead(200).end("t1"));
  await device.idleDaemon();
  expect(device.server.of("auth").length).toBe(3);
});
