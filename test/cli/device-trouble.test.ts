import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { empty, token } from "../support/answers.ts";
import { BuiltProgram, type Ended } from "../support/built-program.ts";
import { MEMORY_FOLDER } from "../support/test-board.ts";
import { ManagedBoard } from "./managed/managed-board.ts";

let program: BuiltProgram;
beforeAll(async () => {
  program = await BuiltProgram.build();
});

let device: ManagedBoard;
beforeEach(async () => {
  device = await ManagedBoard.make(program, { parent: MEMORY_FOLDER });
  device.server.answer("trouble", empty(200));
});
afterEach(() => device.remove());

const poll = (): Promise<Ended> => device.run("poll", "--now");

/** Replaces a file with a folder. @returns a function that restores the file */
async function obstruct(name: string): Promise<() => Promise<void>> {
  const path = device.board.path(name);
  await rename(path, `${path}.away`);
  await mkdir(`${path}/in/it`, { recursive: true });
  return async () => {
    await rm(path, { recursive: true });
    await rename(`${path}.away`, path);
  };
}

/** The troubles that the agent has reported to the server. */
const troubles = (): readonly unknown[] => device.server.of("trouble").map(({ body }) => JSON.parse(body.toString()));

for (const [name, code] of [
  ["data/switchback-store", "STORE_READ"],
  ["data/device_type", "DEVICE_TYPE_FILE"],
  ["data/mender-agent.pem", "DEVICE_KEY"],
] as const) {
  test(`the server hears of ${name} that cannot be read, once, and of nothing that is uncertain`, async () => {
    expect((await poll()).exitCode).toBe(0);
    const known = device.server.conversation;
    const bringBack = await obstruct(name);
    const polls = [await poll(), await poll()];
    expect(polls.map(({ exitCode, err }) => [exitCode, err.at(-1)])).toEqual(
      polls.map(() => [1, expect.stringContaining(code)]),
    );
    expect(troubles()).toEqual([[{ name: "switchback_trouble", value: expect.stringMatching(`^${code}: .*${name}`) }]]);
    expect(device.server.conversation.slice(known.length)).toEqual(["trouble"]);
    await bringBack();
    expect((await poll()).exitCode).toBe(0);
    expect(device.server.conversation.slice(known.length + 1)).toEqual(["inventory", "next"]);
    expect(device.server.of("inventory").at(-1)?.body.toString()).not.toContain("switchback_trouble");
  });
}

test("a server that does not take it changes nothing of what the command says", async () => {
  await poll();
  await obstruct("data/device_type");
  device.server.answer("trouble", empty(405));
  const { exitCode, err } = await poll();
  expect([exitCode, err.at(-1)]).toEqual([1, expect.stringContaining("DEVICE_TYPE_FILE")]);
  expect(err.join("\n")).toMatch(/Could not report this to the server: SERVER_STATUS/);
});

/** A deployment whose new system runs on trial. */
async function onTrial(): Promise<void> {
  await device.deploy(await device.board.release("v2"));
  expect((await device.run("daemon")).exitCode).toBe(4);
  await device.board.boot();
  expect(await device.board.status()).toMatchObject({ running: "B", trial: true });
}

const log = (): string => device.server.of("log").at(-1)?.body.toString() ?? "";

test("an update on trial whose store cannot be read for a while is neither reported nor lost: it is committed", async () => {
  await onTrial();
  const bringBack = await obstruct("data/switchback-store");
  const { child, ended } = device.start("daemon");
  await device.server.asked("trouble");
  child.kill("SIGTERM");
  await ended;
  expect(device.statuses).toEqual(["downloading", "installing", "rebooting"]);
  await bringBack();
  await device.daemonUntilIdle();
  expect(device.statuses.slice(3)).toEqual(["installing", "success"]);
});

test("an update that the boot loader has left meanwhile is reported as a failure", async () => {
  await onTrial();
  const bringBack = await obstruct("data/switchback-store");
  await poll();
  await device.board.boot();
  await bringBack();
  await device.daemonUntilIdle();
  expect(device.statuses.slice(3)).toEqual(["failure"]);
  expect(log()).toContain("BOOT_REVERTED");
  expect((await device.board.agent("show-artifact")).out).toEqual(["v1"]);
});

test("if the store is damaged during a trial, the agent does not record the trial's name; the deployment fails with a named error, the device returns to the old system, and the deployment succeeds", async () => {
  await onTrial();
  const { server, board } = device;
  // Each root filesystem of a device has a separate file.
  const runs = (name: string): Promise<void> => writeFile(board.path("etc/artifact_info"), `artifact_name=${name}\n`);
  await runs("v2");
  await writeFile(board.path("data/switchback-store"), '{"version":1,"val');
  await device.deploy(board.file("v2.mender"));
  const asked = server.of("next").length;
  expect((await device.run("daemon")).exitCode, "the device is to be restarted").toBe(4);
  expect(JSON.parse(server.of("next")[asked]?.body.toString() ?? "").device_provides.artifact_name).toBe("unknown");
  expect(device.statuses.slice(3)).toEqual(["downloading", "failure"]);
  expect(log()).toMatch(/STORE_DAMAGED.*switchback-store\.damaged/);
  expect(log()).toContain("BOOT_TRIAL_PENDING");
  expect((await board.agent("show-artifact")).out).toEqual(["v2"]);
  expect(await board.stored()).not.toHaveProperty("artifact-name");

  await board.boot();
  await runs("v1");
  expect(await board.status()).toMatchObject({ running: "A", trial: false });
  await device.deploy(board.file("v2.mender"));
  expect((await device.run("daemon")).exitCode).toBe(4);
  expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
  await board.boot();
  await device.daemonUntilIdle();
  expect(device.statuses.at(-1)).toBe("success");
  expect((await board.agent("show-artifact")).out).toEqual(["v2"]);
});

test("a device key that is damaged during a trial does not keep the device on it", async () => {
  await onTrial();
  device.server.answer("auth", token("t2"));
  await writeFile(device.board.path("data/mender-agent.pem"), "no key");
  await device.board.configure({ RetryPollCount: 1 });
  expect((await device.run("daemon")).exitCode).toBe(4);
  await device.board.boot();
  expect(await device.board.status()).toMatchObject({ running: "A", trial: false });
});
