import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SKELETONS } from "../../../src/cli/adapter/skeletons.ts";
import { DEVICE_CONTRACT } from "../../../src/contracts/device.ts";
import { DEVICE_READ_CONTRACT } from "../../../src/contracts/device-reads.ts";
import { DEVICE_STORAGE_CONTRACT } from "../../../src/contracts/device-storage.ts";
import { cli, MEMORY_FOLDER, TestBoard } from "../../support/test-board.ts";
import { deviceProgram } from "./device-toys.ts";

const PROMISES = DEVICE_CONTRACT.length + DEVICE_STORAGE_CONTRACT.length + DEVICE_READ_CONTRACT.length;

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(MEMORY_FOLDER, "switchback-cli-device-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function put(code: string): Promise<string> {
  const path = join(dir, "toy.sh");
  await writeFile(path, code, { mode: 0o755 });
  return path;
}

async function check(code: string, ...options: readonly string[]) {
  const argv = ["adapter", "check", "--kind", "device", await put(code), "--json", ...options];
  const result = await cli("switchback", argv);
  const verdicts = result.out.map((line): { promise: string; kept: boolean; reason?: string } => JSON.parse(line));
  return { ...result, verdicts, broken: verdicts.filter(({ kept }) => !kept) };
}

test("the shell skeleton for slots is clean for shellcheck when it is filled in", async () => {
  const { stdout, status } = spawnSync("shellcheck", ["--shell=sh", await put(deviceProgram())], { encoding: "utf8" });
  expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
});

test("the check names what is missing from an unfinished shell skeleton for slots", async () => {
  const { exitCode, err } = await check(SKELETONS.device.sh("toy"));
  expect({ exitCode, missing: /missing=(.*)\)/.exec(err.join())?.[1] }).toEqual({
    exitCode: 1,
    missing: "size, write, read",
  });
});

test("a shell skeleton for slots passes the check once its three functions are filled in", async () => {
  const { exitCode, verdicts, broken } = await check(deviceProgram());
  expect({ exitCode, broken, promises: verdicts.length }).toEqual({ exitCode: 0, broken: [], promises: PROMISES });
});

/** Common mistakes in shell scripts, and the promise that each breaks. */
const SABOTAGES: Readonly<Record<string, readonly [from: string, to: string, promise: string]>> = {
  "does not sync": ["notrunc,fsync", "notrunc", "a synced image survives a loss of power"],
  "swallows an error": [
    '|| fail SLOT_IO "$1"',
    "2>/dev/null || :",
    "the device reports an error when writes to storage fail",
  ],
  "writes past the image": [
    "notrunc,fsync",
    "notrunc,fsync,sync",
    "writing an image leaves the rest of the slot unchanged",
  ],
  "cuts the slot off behind the image": [
    "notrunc,fsync",
    "fsync",
    "writing an image leaves the rest of the slot unchanged",
  ],
  "ignores the size": [
    'stat -c %s "$1"',
    "echo 99999999",
    "the device refuses an image larger than the slot before it writes the first byte",
  ],
  "gives zeros for what it cannot read": [
    'head -c "$2" "$1"',
    '{ head -c "$2" "$1" || head -c "$2" /dev/zero; }',
    "if a read fails, the device reports an error or returns the stored bytes",
  ],
  "reads too little": [
    'head -c "$2" "$1"',
    'head -c "$(($2 - 1))" "$1"',
    "a slot returns the image that was written, for any image length and any chunk size",
  ],
};

describe("a program for slots fails by the name of the promise that it breaks", () => {
  for (const [mistake, [from, to, promise]] of Object.entries(SABOTAGES)) {
    test(`one that ${mistake}`, async () => {
      const { exitCode, broken } = await check(deviceProgram(from, to), "--only", promise);
      expect({ exitCode, broken: broken.map((verdict) => verdict.promise) }).toEqual({
        exitCode: 1,
        broken: [promise],
      });
      expect(broken[0]?.reason).not.toMatch(/ADAPTER_SANDBOX/);
    });
  }
});

describe("on a board", () => {
  let board: TestBoard;
  beforeEach(async () => {
    board = await TestBoard.make({ parent: MEMORY_FOLDER, slotKib: 2048, imageKib: 1024 });
  });
  afterEach(() => board.remove());

  async function install(code: string) {
    await writeFile(board.path("etc/toy.sh"), code, { mode: 0o755 });
    await board.configure({
      Switchback: { Bootloader: "fake", Board: board.dir, Device: { Program: "toy.sh" } },
    });
    return board.agent("install", await board.release("v2", "yes", {}, 1500), "--reboot-exit-code");
  }

  test("an update goes through the program that lies beside the configuration", async () => {
    const { exitCode, log } = await install(deviceProgram());
    expect({ exitCode, readBack: /Read slot B back/.test(log.join("\n")) }).toEqual({
      exitCode: 4,
      readBack: true,
    });
    expect((await board.boot()).outcome).toMatchObject({ kind: "up", slot: "B" });
  });

  test("the message and the code of a failing program are reported", async () => {
    const { err } = await install(deviceProgram("dd of=", "echo 'error SLOT_IO bad block 7'; exit 1; dd of="));
    expect(err.join("\n")).toMatch(/SLOT_IO: .*said=bad block 7/);
    const reading = await install(deviceProgram('head -c "$2" "$1"', "echo 'error SLOT_IO bad block 8' >&2; exit 1"));
    expect(reading.err.join("\n")).toMatch(/SLOT_IO: .*said=bad block 8/);
  });
});
