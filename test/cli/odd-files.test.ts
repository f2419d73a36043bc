import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, open, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { diskActs } from "../../adapters/files/disk.ts";
import { createFileLock } from "../../adapters/lock/flock.ts";
import { thisHost } from "../../src/agent/host.ts";
import { acquireServerLock, writeDaemonPid } from "../../src/cli/managed/daemon-process.ts";
import { resolvePaths } from "../../src/config/paths.ts";
import type { FileActs } from "../../src/ports/files.ts";
import { BuiltProgram } from "../support/built-program.ts";
import { BOARD_TYPE, type CliResult, codesOf, MEMORY_FOLDER, TestBoard } from "../support/test-board.ts";
import { ManagedBoard } from "./managed/managed-board.ts";

/** Objects that can be at the path of a file after a file system error, a faulty script or a prank. */
const ODD: Readonly<Record<string, (path: string) => Promise<void>>> = {
  async "a folder"(path) {
    await mkdir(join(path, "in/it"), { recursive: true });
  },
  "a link to itself": (path) => symlink(path, path),
  async "a FIFO"(path) {
    execFileSync("mkfifo", [path]);
  },
  async "a huge file"(path) {
    await writeFile(path, "");
    await truncate(path, 3 * 1024 ** 3);
  },
  "a device that never ends": (path) => symlink("/dev/zero", path),
  // Its first bytes are at no address of this process.
  "a file whose reads fail": (path) => symlink("/proc/self/mem", path),
};

/** Files that the agent can recreate or treat as absent. */
const REPLACEABLE = [
  "data/switchback-server",
  "data/switchback-daemon.pid",
  "data/switchback-daemon.lock",
  "data/switchback.lock",
  ...["switchback-store", "switchback-server", "mender-agent.pem", "device_type"].map((name) => `data/${name}.new`),
  ...["etc/mender.conf.new", "boot/env.new"],
];

/** Files that the agent cannot recreate, and the error of the commands that need them. */
const ESSENTIAL: Readonly<Record<string, string>> = {
  "data/switchback-store": "STORE_READ",
  "data/mender-agent.pem": "DEVICE_KEY",
  "data/device_type": "DEVICE_TYPE_FILE",
  "etc/mender.conf": "CONFIG_INVALID",
};

let source: TestBoard;
let release = "";
let board: TestBoard;
beforeAll(async () => {
  source = await TestBoard.make();
  release = await source.release("v2");
});
afterAll(() => source.remove());
beforeEach(async () => {
  board = await TestBoard.make({ parent: MEMORY_FOLDER });
});
afterEach(() => board.remove());

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  install: ["install", "RELEASE"],
  commit: ["commit"],
  rollback: ["rollback"],
  resume: ["resume"],
  "show-artifact": ["show-artifact"],
  "show-provides": ["show-provides"],
  bootstrap: ["bootstrap"],
  poll: ["poll", "--now"],
  "check-update": ["check-update"],
  "send-inventory": ["send-inventory"],
  doctor: ["doctor"],
  setup: ["setup", "--quiet", "--device-type", BOARD_TYPE, "--server-url", "https://ota.example.com"],
};

const agent = (argv: readonly string[]): Promise<CliResult> =>
  board.agent(...argv.map((arg) => (arg === "RELEASE" ? release : arg)));

async function put(odd: string, path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await ODD[odd]?.(path);
}

/** A board whose update waits for its commit, so that every later command has an effect. */
async function onTrial(): Promise<void> {
  expect((await agent(["install", "RELEASE"])).exitCode).toBe(0);
  await board.boot();
}

const traces = async (): Promise<unknown> => [await board.env(), await board.pending(), await board.stored()];
const refusals = (result: CliResult): readonly string[] => codesOf(result).filter((code) => !code.startsWith("not a"));

const newBoard = async (): Promise<void> => {
  await board.remove();
  board = await TestBoard.make({ parent: MEMORY_FOLDER });
};

/** Commands that end or begin a trial: each gets a separate board. */
const CHANGES = new Set(["install", "commit", "rollback", "resume"]);

async function outcome(name: string, prepare: () => Promise<void>): Promise<unknown> {
  if (CHANGES.has(name)) await newBoard();
  if (name !== "install" && (await board.pending()) === undefined) await onTrial();
  await prepare();
  const result = await agent(COMMANDS[name] ?? []);
  // The doctor may say what it thinks of such files.
  return [name, result.exitCode, name === "doctor" ? [] : refusals(result), await traces()];
}

const usual = new Map<string, Promise<unknown>>();

for (const odd of Object.keys(ODD)) {
  test(`${odd} in the place of each cache, lock, pid and temporary file does not change the result of a command`, async () => {
    for (const name of Object.keys(COMMANDS)) {
      const expected = usual.get(name) ?? outcome(name, async () => undefined);
      usual.set(name, expected);
      await expected;
      const seen = await outcome(name, async () => {
        for (const file of REPLACEABLE) await put(odd, board.path(file));
      });
      expect(seen).toEqual(await expected);
    }
  });

  for (const [file, code] of Object.entries(ESSENTIAL)) {
    test(`${odd} in the place of ${file} causes a named error, and the device falls back`, async () => {
      await put(odd, board.path(file));
      const results = [];
      for (const name of ["install", "show-artifact", "bootstrap", "poll"])
        results.push(await agent(COMMANDS[name] ?? []));
      expect(results.flatMap(refusals)).toEqual(expect.arrayContaining([code]));
      await newBoard();
      await onTrial();
      const before = await readFile(board.path("boot/env"), "utf8");
      await put(odd, board.path(file));
      await agent(["show-artifact"]);
      await agent(["poll", "--now"]);
      expect(await readFile(board.path("boot/env"), "utf8")).toBe(before);
      await board.boot();
      expect(await board.status()).toMatchObject({ running: "A", trial: false });
    });
  }
}

test("what was in the place of a lock or a cache is kept beside it, and said once", async () => {
  await put("a folder", board.path("data/switchback.lock"));
  await put("a folder", board.path("data/switchback-server"));
  const first = await agent(["install", "RELEASE"]);
  expect(first.err.filter((line) => line.includes("is not a lock"))).toEqual([]);
  expect(first.log.filter((line) => line.includes("is not a lock"))).toHaveLength(1);
  expect(await readdir(board.path("data/switchback.lock.damaged/in"))).toEqual(["it"]);
  const again = await agent(["rollback"]);
  expect(again.log.filter((line) => line.includes("is not a lock"))).toEqual([]);
});

test("'--forcebootstrap' moves a folder in the place of the key or the token aside, and deletes nothing", async () => {
  for (const name of ["mender-agent.pem", "switchback-server"]) await put("a folder", board.path(`data/${name}`));
  const { exitCode, log } = await agent(["bootstrap", "--forcebootstrap"]);
  expect([exitCode, log.filter((line) => line.startsWith("warning: ")).length]).toEqual([0, 2]);
  for (const name of ["mender-agent.pem", "switchback-server"])
    expect(await readdir(board.path(`data/${name}.damaged/in`))).toEqual(["it"]);
  expect(await readFile(board.path("data/mender-agent.pem"), "utf8")).toContain("PRIVATE KEY");
});

test.each(["a huge file", "a device that never ends", "a folder"])(
  "%s as the passphrase file is refused before it fills the memory",
  async (odd) => {
    await put(odd, board.file("passphrase"));
    const { exitCode, err } = await agent(["bootstrap", "--passphrase-file", board.file("passphrase")]);
    expect([exitCode, err]).toEqual([1, [expect.stringMatching(/DEVICE_KEY: .*passphrase/)]]);
  },
);

test("of two agents that find an obstacle in the place of their lock only one gets it", async () => {
  const path = board.path("data/contested.lock");
  for (let round = 0; round < 5; round++) {
    await put("a folder", path);
    const taken = await Promise.allSettled(Array.from({ length: 4 }, () => createFileLock(path).acquire()));
    expect(taken.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const each of taken) if (each.status === "fulfilled") await each.value();
  }
});

test("a link in the place of a lock is not followed: what it leads to stays as it is", async () => {
  await symlink(board.file("victim"), board.path("data/switchback.lock"));
  expect((await agent(["install", "RELEASE"])).exitCode).toBe(0);
  await expect(open(board.file("victim"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("a daemon that cannot write its pid, as on a full device, reports it once and still holds the server lock", async () => {
  const paths = resolvePaths({ datastore: board.path("data") }, {});
  const files: FileActs = {
    ...diskActs,
    writeSynced: () => Promise.reject(new Error("ENOSPC: no space left on device")),
  };
  const said: string[] = [];
  const leave = await writeDaemonPid(paths, (line) => said.push(line), { ...thisHost, files });
  await expect(acquireServerLock(paths, () => undefined, undefined)).rejects.toMatchObject({ code: "AGENT_BUSY" });
  await leave();
  expect(said).toEqual([expect.stringMatching(/Cannot write .*switchback-daemon\.pid.*ENOSPC/)]);
  expect(existsSync(board.path("data/switchback-daemon.pid"))).toBe(false);
});

test("a trial that lost its cache of the server is committed by the daemon and reported to the server", async () => {
  const program = await BuiltProgram.build();
  const device = await ManagedBoard.make(program);
  try {
    await device.deploy(await device.board.release("v2"));
    expect((await device.run("daemon")).exitCode).toBe(4);
    await device.board.boot();
    await put("a folder", device.board.path("data/switchback-server"));
    await put("a link to itself", device.board.path("data/switchback-daemon.pid"));
    await put("a folder", device.board.path("data/switchback-daemon.lock"));
    expect((await device.daemonUntilIdle()).exitCode).toBe(0);
    expect(device.statuses.at(-1)).toBe("success");
    expect((await device.board.agent("show-artifact")).out).toEqual(["v2"]);
  } finally {
    await device.remove();
  }
});
