import { copyFile, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createFileEnv } from "../../../adapters/bootloader/fake/file-env.ts";
import { run } from "../../../src/cli/run.ts";
import { RecordingIo } from "../../support/recording-io.ts";

let folder = "";
let dir = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-cli-board-"));
  dir = join(folder, "board");
});
afterEach(() => rm(folder, { recursive: true }));

async function board(...argv: readonly string[]) {
  const io = new RecordingIo();
  await run("switchback", ["board", ...argv], io);
  return { exitCode: io.exitCode, out: io.outLines, err: io.errLines };
}

async function json(...argv: readonly string[]): Promise<unknown> {
  return JSON.parse((await board(...argv, "--json")).out.join("\n"));
}

/** The state after an installed update: an image in slot B, and an armed boot loader. */
async function armB(version: string, boots: string) {
  const image = join(folder, version);
  expect(await board("image", image, "--version", version, "--size", "100K", "--boots", boots)).toMatchObject({
    exitCode: 0,
  });
  await copyFile(image, join(dir, "slots/rootfs3"));
  await createFileEnv(join(dir, "boot/env")).write(
    new Map(
      Object.entries({ mender_boot_part: "3", mender_boot_part_hex: "3", upgrade_available: "1", bootcount: "0" }),
    ),
    new AbortController().signal,
  );
}

test("a board is created, switched on, and looked at", async () => {
  expect(await board("create", dir, "--slot-size", "1M", "--device-type", "tester")).toEqual({
    exitCode: 0,
    out: [
      `Made a board of type tester in ${dir}: v1 in slot A, nothing in slot B.`,
      `Switch it on: switchback board boot ${dir}`,
    ],
    err: [],
  });
  expect((await stat(join(dir, "slots/rootfs3"))).size).toBe(1024 * 1024);
  expect(await board("boot", dir)).toEqual({
    exitCode: 0,
    out: [
      "Leaving a mark in the boot environment, so that the agent knows it is the right one.",
      "Slot A: the kernel starts, the system comes up.",
      "Slot A is up, v1.",
    ],
    err: [],
  });
  expect((await board("status", dir)).out).toEqual([
    "Slot A: v1, complete",
    "Slot B: no system",
    "Running: slot A, v1.",
    "No update is on trial.",
    "At the next power-on: Slot A is up, v1.",
  ]);
});

test("an update that hangs ends with exit status 1 and one clear line, and the next start is back on v1", async () => {
  await board("create", dir, "--slot-size", "1M");
  await board("boot", dir);
  await armB("v2", "hangs");
  const hung = await board("boot", dir);
  expect(hung.exitCode).toBe(1);
  expect(hung.out.at(-1)).toBe("The board hangs in slot B, v2. Restart it with 'switchback board boot'.");
  expect((await board("status", dir)).out).toEqual([
    "Slot A: v1, complete",
    "Slot B: v2, complete (its system hangs when started)",
    "Nothing runs.",
    "An update is on trial: without a commit the boot loader goes back.",
    "At the next power-on: Slot A is up, v1.",
  ]);
  const back = await board("boot", dir);
  expect([back.exitCode, back.out.at(-1)]).toEqual([0, "Slot A is up, v1."]);
});

test("--json says the same in one object", async () => {
  await board("create", dir, "--slot-size", "1M");
  expect(await json("status", dir)).toMatchObject({ running: null });
  await board("boot", dir);
  await armB("v2", "yes");
  expect(await json("boot", dir)).toEqual({
    outcome: "up",
    slot: "B",
    version: "v2",
    log: [
      "An update is on trial: this is start 1 of at most 1 without a commit.",
      "Slot B: the kernel starts, the system comes up.",
    ],
  });
  expect(await json("status", dir)).toEqual({
    running: "B",
    trial: true,
    next: { outcome: "up", slot: "A", version: "v1" },
    slots: {
      A: { state: "complete", version: "v1", boots: "yes", sizeBytes: 1024 * 1024 },
      B: { state: "complete", version: "v2", boots: "yes", sizeBytes: 100 * 1024 },
    },
  });
});

test("a board without a system to start reports it and exits with 1", async () => {
  await board("create", dir, "--slot-size", "1M");
  await copyFile("/dev/null", join(dir, "slots/rootfs2"));
  const dead = await board("boot", dir);
  expect([dead.exitCode, dead.out.at(-1)]).toEqual([1, "Nothing boots: the boot loader waits at its prompt."]);
  expect(await json("status", dir)).toMatchObject({ next: { outcome: "prompt" }, slots: { A: { state: "nothing" } } });
  await board("image", join(dir, "slots/rootfs2"), "--version", "v1", "--size", "100K", "--boots", "panics");
  const looping = await board("boot", dir);
  expect([looping.exitCode, looping.out.at(-1)]).toEqual([1, "Nothing boots: the board resets again and again."]);
});

test("the same image options give the same bytes", async () => {
  for (const name of ["one", "two"]) await board("image", join(folder, name), "--version", "v2", "--size", "70000");
  const [one, two] = [await readFile(join(folder, "one")), await readFile(join(folder, "two"))];
  expect(one.length).toBe(70_000);
  expect(one.equals(two)).toBe(true);
});

test("sizes that are none, images without a version and unknown ways to boot are refused in one line", async () => {
  for (const size of ["", "0", "64X", "-1", "1.5M", "M", "99999999999G"]) {
    const refused = await board("create", dir, "--slot-size", size);
    expect([refused.exitCode, refused.err.length]).toEqual([1, 1]);
    expect(refused.err[0]).toContain("BOARD_SIZE");
  }
  await expect(stat(dir)).rejects.toThrow("ENOENT");
  expect((await board("image", join(folder, "out"))).exitCode).toBe(1);
  expect((await board("image", join(folder, "out"), "--version", "v2", "--boots", "maybe")).exitCode).toBe(1);
  await expect(stat(join(folder, "out"))).rejects.toThrow("ENOENT");
});

test("commands on a folder without a board say so", async () => {
  for (const command of ["boot", "status"]) {
    const refused = await board(command, folder);
    expect(refused.exitCode).toBe(1);
    expect(refused.err[0]).toContain("BOARD_MISSING");
  }
});
