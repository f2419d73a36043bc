import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { BuiltProgram, type Ended } from "../../support/built-program.ts";
import { stall } from "../../support/faults.ts";
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

const deviceKey = (): Promise<string> => readFile(device.board.path("data/mender-agent.pem"), "utf8");
const kept = (): Promise<string> => readFile(device.board.path("data/switchback-server"), "utf8");
const refusalOf = ({ exitCode, out, err }: Ended): unknown => [exitCode, out, err.map((line) => line.split(":")[1])];

for (const command of [["poll"], ["poll", "--now"], ["bootstrap"], ["bootstrap", "--forcebootstrap"], ["daemon"]]) {
  test(`beside a daemon that has nothing to do, '${command.join(" ")}' sends no request and changes nothing`, async () => {
    const { child } = await device.idleDaemon();
    const [state, asked, key] = [await kept(), device.server.requests.length, await deviceKey()];
    const refused = await device.run(...command);
    expect(refusalOf(refused)).toEqual([1, [], [" DAEMON_RUNNING"]]);
    expect(refused.err[0]).toContain(`pid=${child.pid}`);
    expect([await kept(), device.server.requests.length, await deviceKey()]).toEqual([state, asked, key]);
    expect((await device.board.agent("check-update")).exitCode).toBe(0);
    await device.server.asked("next", 2);
  });
}

for (const command of ["poll", "bootstrap", "daemon"]) {
  test(`while 'poll' waits for its server, '${command}' is refused, and 'check-update' finds no daemon`, async () => {
    device.server.answer("next", stall);
    // A killed daemon left this file; another process may have its pid by now.
    const pidFile = device.board.path("data/switchback-daemon.pid");
    await writeFile(pidFile, `${process.pid}\n`);
    const { child, ended } = device.start("poll");
    await device.server.asked("next");
    expect(existsSync(pidFile)).toBe(false);
    const state = await kept();
    expect(refusalOf(await device.run(command))).toEqual([1, [], [" AGENT_BUSY"]]);
    expect(await kept()).toBe(state);
    expect(codesOf(await device.board.agent("check-update"))).toEqual(["DAEMON_MISSING"]);
    child.kill("SIGTERM");
    expect((await ended).exitCode).toBe(1);
  });
}
