import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SKELETONS } from "../../../src/cli/adapter/skeletons.ts";
import { DEVICE_CONTRACT } from "../../../src/contracts/device.ts";
import { DEVICE_READ_CONTRACT } from "../../../src/contracts/device-reads.ts";
import { DEVICE_STORAGE_CONTRACT } from "../../../src/contracts/device-storage.ts";
import { cli, codesOf, MEMORY_FOLDER, TestBoard } from "../../support/test-board.ts";
import { deviceModule } from "./device-toys.ts";
import { toyModule } from "./toy.ts";

const PROMISES = DEVICE_CONTRACT.length + DEVICE_STORAGE_CONTRACT.length + DEVICE_READ_CONTRACT.length;

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(MEMORY_FOLDER, "switchback-cli-device-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function check(code: string, ...options: readonly string[]) {
  const path = join(dir, "toy.mjs");
  await writeFile(path, code);
  const result = await cli("switchback", ["adapter", "check", "--kind", "device", path, "--json", ...options]);
  const verdicts = result.out.map((line): { promise: string; kept: boolean; reason?: string } => JSON.parse(line));
  return { ...result, verdicts, broken: verdicts.filter(({ kept }) => !kept).map(({ promise }) => promise) };
}

test("the check names what is missing from an unfinished skeleton for slots", async () => {
  const { exitCode, err } = await check(SKELETONS.device.js("toy"));
  expect({ exitCode, missing: /missing=(.*)\)/.exec(err.join())?.[1] }).toEqual({
    exitCode: 1,
    missing: "size, write, read",
  });
});

test("a skeleton for slots passes the check once its three functions are filled in", async () => {
  const { exitCode, verdicts, broken, err } = await check(deviceModule());
  expect({ exitCode, broken, promises: verdicts.length, err }).toEqual({
    exitCode: 0,
    broken: [],
    promises: PROMISES,
    err: [],
  });
});

const WRITE = "const count = await storage.write(chunk.subarray(done), at);";
/** Each row is a good module with one mistake, and the name of the promise that fails. */
const SABOTAGES: Readonly<Record<string, readonly [from: string, to: string, promise: string]>> = {
  "does not sync": ["await storage.sync();", "", "a synced image survives a loss of power"],
  "swallows an error": [
    "} finally {\n          await storage.close();\n        }\n      },",
    "} catch { /* ignored: the mistake */ } finally {\n          await storage.close();\n        }\n      },",
    "the device reports an error when writes to storage fail",
  ],
  "writes past the image": [
    "await storage.sync();",
    "if (at < storage.sizeBytes) await storage.write(new Uint8Array(storage.sizeBytes - at), at); await storage.sync();",
    "writing an image leaves the rest of the slot unchanged",
  ],
  "ignores the size": [
    "return storage.sizeBytes;",
    "return Number.MAX_SAFE_INTEGER;",
    "the device refuses an image larger than the slot before it writes the first byte",
  ],
  "believes that a write takes everything": [
    "at += count;\n            }",
    "at += count; break;\n            }",
    "a slot returns the image that was written, for any image length and any chunk size",
  ],
  "writes into both slots": [
    WRITE,
    `${WRITE} const other = await context.openStorage(context.slots.A, "write"); await other.write(chunk, at); await other.close();`,
    "the device stores an image in the requested slot and leaves the other slot unchanged",
  ],
  "takes what it cannot read for the end": [
    "const count = await storage.read(chunk, at);",
    "const count = await storage.read(chunk, at).catch(() => chunk.length /* ignored: the mistake */);",
    "if a read fails, the device reports an error or returns the stored bytes",
  ],
  "reads on from its memory": [
    "async *read(slot, bytes, signal) {",
    "async *read(slot, bytes, signal) { yield new Uint8Array(bytes); return;",
    "a slot returns the image that was written, for any image length and any chunk size",
  ],
  "gives less than was asked for": [
    "for (let at = 0; at < bytes; ) {\n            const",
    "for (let at = 1; at < bytes; ) {\n            const",
    "a slot returns the image that was written, for any image length and any chunk size",
  ],
};

describe("a module for slots fails by the name of the promise that it breaks", () => {
  for (const [mistake, [from, to, promise]] of Object.entries(SABOTAGES)) {
    test(`one that ${mistake}`, async () => {
      const { exitCode, broken, verdicts } = await check(deviceModule(from, to), "--only", promise);
      expect({ exitCode, broken }).toEqual({ exitCode: 1, broken: [promise] });
      expect(verdicts[0]?.reason).toMatch(/\S/);
    });
  }
});

test("an adapter of another kind cannot serve slots", async () => {
  expect(codesOf(await check(toyModule()))).toEqual(["ADAPTER_INVALID"]);
});

test("a size that is no number of bytes is no answer", async () => {
  const { verdicts } = await check(
    deviceModule("return storage.sizeBytes;", "return 1.5;"),
    "--only",
    "returns the image",
  );
  expect(verdicts[0]?.reason).toMatch(/^ADAPTER_ANSWER/);
});

describe("on a board", () => {
  let board: TestBoard;
  beforeEach(async () => {
    board = await TestBoard.make({ parent: MEMORY_FOLDER });
  });
  afterEach(() => board.remove());

  /** Writes a module into the folder of the configuration that names it. */
  async function configure(code: string, source: object = { Module: "./toy.mjs" }): Promise<void> {
    await writeFile(board.path("etc/toy.mjs"), code);
    await board.configure({ Switchback: { Bootloader: "fake", Board: board.dir, Device: source } });
  }

  test("an update goes through the module that lies beside the configuration, and is read back through it", async () => {
    await configure(deviceModule());
    const artifact = await board.release("v2");
    const { exitCode, log } = await board.agent("install", artifact, "--reboot-exit-code");
    expect(exitCode).toBe(4);
    expect(log.join("\n")).toMatch(/Read slot B back/);
    expect((await board.boot()).outcome).toMatchObject({ kind: "up", slot: "B" });
    expect((await board.agent("commit")).exitCode).toBe(0);
  });

  test("a module that loses a byte is noticed before the boot loader's plan changes", async () => {
    await configure(deviceModule("yield chunk.subarray(0, count);", "chunk[7] ^= 1; yield chunk.subarray(0, count);"));
    const before = await board.env();
    expect(codesOf(await board.agent("install", await board.release("v2")))).toEqual(["SLOT_READBACK"]);
    expect(await board.env()).toEqual(before);
  });

  test("a module is not even loaded before something is to be written", async () => {
    await configure("throw new Error('loaded')");
    expect((await board.agent("show-artifact")).exitCode).toBe(0);
    expect(codesOf(await board.agent("install", await board.release("v2")))).toEqual(["ADAPTER_LOAD"]);
  });

  test("a choice that names both a module and a program causes an error that says so", async () => {
    await configure(deviceModule(), { Module: "./toy.mjs", Program: "./toy.sh" });
    const { err } = await board.agent("install", await board.release("v2"));
    expect(err.join()).toMatch(/CONFIG_INVALID.*it names a Module and a Program: only one can be used/);
  });

  test("a choice that names neither a module nor a program is a mistake of the configuration", async () => {
    await configure("", {});
    expect(codesOf(await board.agent("install", await board.release("v2")))).toEqual(["CONFIG_INVALID"]);
  });
});
