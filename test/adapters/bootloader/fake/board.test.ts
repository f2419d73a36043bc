import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  boardStatus,
  createBoard,
  writeBoardImage,
  writeImageFile,
} from "../../../../adapters/bootloader/fake/board.ts";
import type { BoardImageBoots } from "../../../../adapters/bootloader/fake/board-image.ts";
import { boardPaths, bootedOnBoard } from "../../../../adapters/bootloader/fake/board-layout.ts";
import { createFileEnv, loadVariables } from "../../../../adapters/bootloader/fake/file-env.ts";
import { startBoard } from "../../../../adapters/bootloader/fake/firmware.ts";
import { createMenderEnvBootloader } from "../../../../adapters/bootloader/mender-env.ts";
import { slotPartitions } from "../../../../adapters/linux/partition-number.ts";

const { signal } = new AbortController();
const SLOT = 200_000;
const V1 = { kind: "complete", version: "v1", boots: "yes", sizeBytes: 100_000 };

let folder = "";
let dir = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-board-"));
  dir = join(folder, "board");
  await createBoard(dir, { slotBytes: SLOT, imageBytes: 100_000, version: "v1", deviceType: "tester" });
});
afterEach(() => rm(folder, { recursive: true }));

function bootloader() {
  const paths = boardPaths(dir);
  return createMenderEnvBootloader({
    kind: "fake",
    env: createFileEnv(paths.env),
    partitions: slotPartitions(paths.slots.A, paths.slots.B),
    booted: bootedOnBoard(dir),
  });
}

async function put(slot: "A" | "B", version: string, boots: BoardImageBoots) {
  await writeBoardImage(boardPaths(dir).slots[slot], version, 100_000, boots);
}

test("a new board is off, with a system in slot A and what an agent needs to find it", async () => {
  expect(await boardStatus(dir)).toEqual({
    running: undefined,
    slots: { A: V1, B: { kind: "nothing" } },
    trial: false,
    next: { kind: "up", slot: "A" },
  });
  expect(JSON.parse(await readFile(join(dir, "etc/mender.conf"), "utf8"))).toEqual({
    RootfsPartA: join(dir, "slots/rootfs2"),
    RootfsPartB: join(dir, "slots/rootfs3"),
    Switchback: { Bootloader: "fake", Board: dir },
  });
  expect(await readFile(join(dir, "data/device_type"), "utf8")).toBe("device_type=tester\n");
  expect(await readFile(join(dir, "etc/artifact_info"), "utf8")).toBe("artifact_name=v1\n");
  expect((await stat(boardPaths(dir).slots.A)).size).toBe(SLOT);
  expect((await stat(boardPaths(dir).slots.B)).size).toBe(SLOT);
});

test("before its first start the agent refuses: nothing runs, and the canary is not there", async () => {
  await expect(bootloader().booted(signal)).rejects.toMatchObject({ code: "BOARD_OFF" });
  await expect(bootloader().plan(signal)).rejects.toMatchObject({ code: "BOOTENV_CANARY" });
  expect((await startBoard(dir)).outcome).toEqual({ kind: "up", slot: "A" });
  expect(await bootloader().booted(signal)).toBe("A");
  expect(await bootloader().plan(signal)).toEqual({ slot: "A", trial: false });
});

test("a committed update stays, and an uncommitted one falls back at the second start", async () => {
  await startBoard(dir);
  await put("B", "v2", "yes");
  await bootloader().arm("B", signal);
  expect((await startBoard(dir)).outcome).toEqual({ kind: "up", slot: "B" });
  expect(await boardStatus(dir)).toMatchObject({ running: "B", trial: true, next: { kind: "up", slot: "A" } });
  await bootloader().confirm(signal);
  expect((await startBoard(dir)).outcome).toEqual({ kind: "up", slot: "B" });

  await put("A", "v3", "yes");
  await bootloader().arm("A", signal);
  expect((await startBoard(dir)).outcome).toEqual({ kind: "up", slot: "A" });
  expect((await startBoard(dir)).outcome).toEqual({ kind: "up", slot: "B" });
  expect(await boardStatus(dir)).toMatchObject({ running: "B", trial: false });
});

test("an image that hangs leaves nothing running, and the next start brings the old system back", async () => {
  await startBoard(dir);
  await put("B", "v2", "hangs");
  await bootloader().arm("B", signal);
  const hung = await startBoard(dir);
  expect(hung.outcome).toEqual({ kind: "hangs", slot: "B" });
  expect(hung.log).toEqual([
    "An update is on trial: this is start 1 of at most 1 without a commit.",
    "Slot B: the kernel starts, and then nothing more happens.",
  ]);
  await expect(bootloader().booted(signal)).rejects.toMatchObject({ code: "BOARD_OFF" });
  const back = await startBoard(dir);
  expect(back.outcome).toEqual({ kind: "up", slot: "A" });
  expect(back.log).toContain("The update was not committed: going back to slot A.");
});

test("an image that panics and a slot that is only half written fall back within one power-on", async () => {
  await startBoard(dir);
  await put("B", "v2", "panics");
  await bootloader().arm("B", signal);
  expect((await startBoard(dir)).outcome).toEqual({ kind: "up", slot: "A" });

  await put("B", "v3", "yes");
  const file = await open(boardPaths(dir).slots.B, "r+");
  await file.write(Buffer.alloc(1000, 0xff), 0, 1000, 50_000);
  await file.close();
  await bootloader().arm("B", signal);
  const start = await startBoard(dir);
  expect(start.outcome).toEqual({ kind: "up", slot: "A" });
  expect(start.slots.B).toEqual({ kind: "torn", version: "v3" });
});

test("the environment does not decide what runs: editing it changes the plan and not the answer", async () => {
  await startBoard(dir);
  await createFileEnv(boardPaths(dir).env).write(
    new Map(Object.entries({ mender_boot_part: "3", mender_boot_part_hex: "3" })),
    signal,
  );
  expect(await bootloader().booted(signal)).toBe("A");
  expect(await bootloader().plan(signal)).toEqual({ slot: "B", trial: false });
});

test("status looks and touches nothing", async () => {
  await startBoard(dir);
  await put("B", "v2", "yes");
  await bootloader().arm("B", signal);
  const before = await loadVariables(boardPaths(dir).env);
  await boardStatus(dir);
  await boardStatus(dir);
  expect(await loadVariables(boardPaths(dir).env)).toEqual(before);
});

test("a folder that is not empty is not made a board, and a slot smaller than its image is refused", async () => {
  const options = { slotBytes: SLOT, imageBytes: 100_000, version: "v1", deviceType: "tester" };
  await expect(createBoard(dir, options)).rejects.toMatchObject({ code: "BOARD_EXISTS" });
  const other = join(folder, "other");
  await expect(createBoard(other, { ...options, slotBytes: 99_999 })).rejects.toMatchObject({ code: "BOARD_SIZE" });
  await expect(stat(other)).rejects.toThrow("ENOENT");
  await writeFile(join(folder, "file"), "");
  await expect(createBoard(join(folder, "file"), options)).rejects.toMatchObject({ code: "BOARD_IO" });
});

test("a board that cannot be completed leaves nothing that would block the next attempt", async () => {
  const options = { slotBytes: SLOT, imageBytes: 100_000, version: "no blanks", deviceType: "tester" };
  await expect(createBoard(join(folder, "new/board"), options)).rejects.toMatchObject({ code: "BOARD_IMAGE" });
  await expect(stat(join(folder, "new"))).rejects.toThrow("ENOENT");
  await mkdir(join(folder, "empty"));
  await expect(createBoard(join(folder, "empty"), options)).rejects.toMatchObject({ code: "BOARD_IMAGE" });
  expect(await readdir(join(folder, "empty"))).toEqual([]);
});

test("an image that cannot be written whole leaves the old one and nothing beside it", async () => {
  await writeFile(join(folder, "v2.img"), "old");
  await expect(writeImageFile(join(folder, "v2.img"), "no blanks", 4096, "yes")).rejects.toMatchObject({
    code: "BOARD_IMAGE",
  });
  await expect(writeImageFile("/dev/full", "v2", 4096, "yes")).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
  expect([await readFile(join(folder, "v2.img"), "utf8"), await readdir(folder)]).toEqual(["old", ["board", "v2.img"]]);
});

test("a folder without a board is named as such", async () => {
  await expect(boardStatus(folder)).rejects.toMatchObject({ code: "BOARD_MISSING" });
  await expect(startBoard(folder)).rejects.toMatchObject({ code: "BOARD_MISSING" });
  await expect(bootedOnBoard(folder)(signal)).rejects.toMatchObject({ code: "BOARD_MISSING" });
  await expect(stat(join(folder, "proc"))).rejects.toThrow("ENOENT");
});
