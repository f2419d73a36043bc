import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { empty, refusal } from "../../support/answers.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { cli, REBOOT } from "../../support/test-board.ts";
import { ManagedBoard } from "./managed-board.ts";

let program: BuiltProgram;
beforeAll(async () => {
  program = await BuiltProgram.build();
});

let device: ManagedBoard;
beforeEach(async () => {
  device = await ManagedBoard.make(program);
});
afterEach(() => device.remove());

test("a daemon is accepted, sends its inventory, installs a deployment, and commits after the reboot", async () => {
  const { board, server } = device;
  await device.deploy(await board.release("v2"));
  expect(await device.run("daemon")).toMatchObject({ exitCode: 4, out: [REBOOT] });
  expect(server.conversation).toEqual([
    "auth",
    "inventory",
    "next",
    "status downloading",
    "/v2.mender",
    "status installing",
    "status rebooting",
  ]);
  expect((await board.boot()).outcome).toMatchObject({ kind: "up", slot: "B" });
  server.requests.length = 0;
  expect(await device.daemonUntilIdle()).toMatchObject({ exitCode: 0 });
  expect(server.conversation.slice(0, 3)).toEqual(["auth", "status installing", "status success"]);
  expect((await board.agent("show-artifact")).out).toEqual(["v2"]);
  expect(await board.status()).toMatchObject({ running: "B", trial: false });
});

test("'poll' does the same, and each process continues where the previous one stopped", async () => {
  const { board, server } = device;
  await board.configure({ UpdatePollIntervalSeconds: 3600 });
  await device.deploy(await board.release("v2"));
  expect(await device.run("poll")).toMatchObject({ exitCode: 4, out: [REBOOT] });
  const { out } = await cli("switchback", ["board", "boot", board.dir]);
  expect(out).toContain("A deployment waits for 'daemon' or 'poll'.");
  expect(await device.run("poll")).toMatchObject({ exitCode: 0, out: [] });
  expect(device.statuses).toEqual(["downloading", "installing", "rebooting", "installing", "success"]);
  expect((await board.agent("show-artifact")).out).toEqual(["v2"]);
  const before = server.requests.length;
  expect(await device.run("poll")).toMatchObject({ exitCode: 0, out: [], err: [] });
  expect(server.requests.length).toBe(before);
  expect(await device.run("poll", "--now")).toMatchObject({ exitCode: 0, out: [] });
  expect(server.conversation.slice(before)).toEqual(["next"]);
});

test("a poll that has failed is not repeated before its time, but is after a start of the system", async () => {
  const { board, server } = device;
  await board.configure({ RetryPollIntervalSeconds: 300 });
  server.answer("next", refusal(500));
  expect((await device.run("poll")).exitCode).toBe(1);
  expect(await device.run("poll")).toMatchObject({ exitCode: 0, err: [] });
  expect(server.of("next").length).toBe(1);
  const kept = JSON.parse(await readFile(board.path("data/switchback-server"), "utf8"));
  expect(kept.due).toMatchObject({ deploymentFailures: 1, inventoryFailures: 0 });
  kept.due.boot = "another";
  await writeFile(board.path("data/switchback-server"), JSON.stringify(kept));
  expect((await device.run("poll")).exitCode).toBe(1);
  expect(server.of("next").length).toBe(2);
});

for (const command of ["daemon", "poll"]) {
  test(`'${command}' notices that the new system does not come up, and reports the failure with its log`, async () => {
    const { board, server } = device;
    await device.deploy(await board.release("v2", "hangs"));
    expect((await device.run(command)).exitCode).toBe(4);
    expect((await board.boot()).outcome.kind).toBe("hangs");
    expect((await board.boot()).outcome).toMatchObject({ kind: "up", slot: "A" });
    const ended = command === "poll" ? device.run(command) : device.daemonUntilIdle();
    expect((await ended).exitCode).toBe(command === "poll" ? 1 : 0);
    expect(device.statuses).toEqual(["downloading", "installing", "rebooting", "failure"]);
    const [log, ...others] = server.of("log").map(({ body }) => JSON.parse(body.toString()).messages);
    expect(others).toEqual([]);
    expect(log.map(({ message }: { message: string }) => message).join("\n")).toContain("BOOT_REVERTED");
    expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
    expect(await board.pending()).toBeUndefined();
  });
}

test("the device leaves a new system that does not reach its server", async () => {
  const { board, server } = device;
  await device.deploy(await board.release("v2"));
  expect((await device.run("poll")).exitCode).toBe(4);
  await board.boot();
  await server.down();
  expect(await device.run("poll")).toMatchObject({ exitCode: 4, out: [REBOOT] });
  await server.up();
  expect((await board.boot()).outcome).toMatchObject({ kind: "up", slot: "A" });
  expect((await device.run("poll")).exitCode).toBe(1);
  expect(device.statuses).toEqual(["downloading", "installing", "rebooting", "failure"]);
  expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
});

const ODD = { version: 2, id: "d-0", mode: "managed", state: "cooking" };
const LEFT_BY: Readonly<Record<string, object>> = {
  "an agent of another version": { version: 1, values: { "artifact-name": "v1", state: JSON.stringify(ODD) } },
  "an agent with another form of store": { version: 2, values: { "artifact-name": "v1", state: ODD } },
};
for (const [who, store] of Object.entries(LEFT_BY)) {
  for (const command of ["daemon", "poll"]) {
    test(`'${command}' gives up what ${who} has begun, reports it, and accepts the next update`, async () => {
      const { board, server } = device;
      await writeFile(board.path("data/switchback-store"), JSON.stringify(store));
      await device.deploy(await board.release("v2"));
      expect((await device.run(command)).exitCode).toBe(4);
      const told = server
        .of("status")
        .map(({ path, body }) => `${path.split("/").at(-2)} ${JSON.parse(body.toString()).status}`);
      expect(told).toEqual(["d-0 failure", "d-1 downloading", "d-1 installing", "d-1 rebooting"]);
      expect(server.of("log")[0]?.body.toString()).toContain("SNAPSHOT_INVALID");
    });
  }
}

interface CalledOff {
  readonly at: string;
  /** Statuses up to the one that the server answers with 409. */
  readonly told: readonly string[];
  readonly after: readonly string[];
  readonly runs: "A" | "B";
  /** Exit status of each run of 'poll', with a reboot between them. */
  readonly exits: readonly number[];
}

const INSTALLED_STATUSES = ["downloading", "installing", "rebooting"];
const CALLED_OFF: readonly CalledOff[] = [
  { at: "downloading", told: ["downloading"], after: ["failure"], runs: "A", exits: [1] },
  { at: "installing", told: ["downloading", "installing"], after: ["failure"], runs: "A", exits: [1] },
  { at: "rebooting", told: INSTALLED_STATUSES, after: ["failure"], runs: "A", exits: [1] },
  { at: "the commit", told: [...INSTALLED_STATUSES, "installing"], after: ["failure"], runs: "A", exits: [4, 4, 1] },
  { at: "success", told: [...INSTALLED_STATUSES, "installing", "success"], after: [], runs: "B", exits: [4, 0] },
];

for (const { at, told, after, runs, exits } of CALLED_OFF) {
  test(`called off at ${at}, a deployment leaves slot ${runs} running, and is over`, async () => {
    const { board, server } = device;
    await device.deploy(await board.release("v2"));
    server.answer("status", ...told.slice(1).map(() => empty(204)), refusal(409), empty(204));
    for (const [index, exitCode] of exits.entries()) {
      if (index > 0) await board.boot();
      expect((await device.run("poll")).exitCode).toBe(exitCode);
    }
    expect(device.statuses).toEqual([...told, ...after]);
    expect(await board.status()).toMatchObject({ running: runs, trial: false });
    expect((await board.agent("show-artifact")).out).toEqual([runs === "A" ? "v1" : "v2"]);
    expect(await board.pending()).toBeUndefined();
  });
}

test("an Artifact for another device is refused by its header, whatever the server claims", async () => {
  const { board } = device;
  await device.deploy(await board.release("v2", "yes", { deviceTypes: ["board-b"] }));
  expect((await device.run("poll")).exitCode).toBe(1);
  expect(device.statuses).toEqual(["downloading", "failure"]);
  expect(await board.slot("B")).toEqual(Buffer.alloc(256 * 1024));
});
