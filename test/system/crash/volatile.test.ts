import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Random } from "../../../qemu/harness/random.ts";
import { MEMORY_FOLDER } from "../../support/test-board.ts";
import { parseStrace } from "./strace-log.ts";
import { losePower, readDisk, volatileOf } from "./volatile.ts";

let disk: string;
beforeEach(() => {
  disk = mkdtempSync(join(MEMORY_FOLDER, "switchback-volatile-"));
  mkdirSync(join(disk, "data"));
});
afterEach(() => rmSync(disk, { recursive: true }));

const BLOCK = 4096;
const calls = (...lines: readonly string[]) => parseStrace(lines.map((line) => line.replaceAll("@", disk)).join("\n"));
const SAVE = [
  '7 write(9<@/data/store.new>, "new", 3) = 3',
  "7 fsync(9<@/data/store.new>)    = 0",
  '7 rename("@/data/store.new", "@/data/store") = 0',
];

test("a write is durable only when a sync that began after it has ended", () => {
  const write = '7 pwrite64(9<@/slot>, "x"..., 8192, 4096) = 8192';
  const lost = [{ path: join(disk, "slot"), offset: 4096, length: 8192 }];
  expect(volatileOf(calls(write, "7 fdatasync(9<@/slot>) = 0"), disk).writes).toEqual([]);
  expect(volatileOf(calls(write, "7 fdatasync(9<@/slot>) = ?"), disk).writes).toEqual(lost);
  expect(volatileOf(calls(write, "7 fdatasync(9<@/slot>) = -1 EIO (Input/output error)"), disk).writes).toEqual(lost);
  const crossing = ["8 fdatasync(9<@/slot> <unfinished ...>", write, "8 <... fdatasync resumed>) = 0"];
  expect(volatileOf(calls(...crossing), disk).writes).toEqual(lost);
  expect(volatileOf(calls(write.replace("= 8192", "= -1 EIO (Input/output error)")), disk).writes).toEqual([]);
});

test("a rename is durable only when its folder was synced, and a new file's content when the file was", () => {
  expect(volatileOf(calls(...SAVE, "7 fsync(9<@/data>) = 0"), disk)).toEqual({ writes: [], renames: [], contents: [] });
  const renames = [{ from: join(disk, "data/store.new"), to: join(disk, "data/store") }];
  expect(volatileOf(calls(...SAVE), disk)).toEqual({ writes: [], renames, contents: [] });
  const [write = "", , rename = ""] = SAVE;
  expect(volatileOf(calls(write, rename), disk).contents).toEqual([join(disk, "data/store")]);
});

test("a power cut restores the previous content, block by block and in any order", async () => {
  const slot = join(disk, "slot");
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    writeFileSync(slot, "old.".repeat(BLOCK));
    const before = await readDisk([slot]);
    writeFileSync(slot, `${"old.".repeat(BLOCK / 4)}${"new.".repeat((3 * BLOCK) / 4)}`);
    const log = calls('7 pwrite64(9<@/slot>, "new."..., 12288, 4096) = 12288');
    await losePower(log, disk, before, new Random(seed));
    seen.add(
      readFileSync(slot, "latin1")
        .replace(/(?:old\.){1024}/g, "o")
        .replace(/(?:new\.){1024}/g, "n"),
    );
  }
  expect([...seen].sort()).toEqual(["onnn", "onno", "onon", "onoo", "oonn", "oono", "ooon", "oooo"]);
});

test("what a power cut undoes of renames is the end of them, with the content that was there", async () => {
  const store = join(disk, "data/store");
  const second = SAVE.map((line) => line.replace('"new", 3', '"newer", 5'));
  const seen = new Set<string>();
  for (let seed = 0; seed < 50; seed++) {
    rmSync(`${store}.new`, { force: true });
    writeFileSync(store, "old");
    const before = await readDisk([store]);
    writeFileSync(`${store}.new`, "newer");
    renameSync(`${store}.new`, store);
    // Next to it is a file whose content does not matter, and which strace does not print completely.
    const beside = '7 write(8<@/data/store.reserve.new>, "7Ga"..., 65536) = 65536';
    const { renamesUndone } = await losePower(calls(beside, ...SAVE, ...second), disk, before, new Random(seed));
    seen.add(`${renamesUndone} ${readFileSync(store, "utf8")} ${readdirSync(join(disk, "data")).join(" ")}`);
  }
  expect([...seen].sort()).toEqual(["0 newer store", "1 new store store.new", "2 old store store.new"]);
});

test("a rename onto nothing is undone by taking the file away", async () => {
  const file = join(disk, "data/store");
  const results = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    rmSync(`${file}.new`, { force: true });
    const before = await readDisk([file]);
    writeFileSync(file, "new");
    await losePower(calls(...SAVE), disk, before, new Random(seed));
    results.add(readdirSync(join(disk, "data")).join(" "));
    rmSync(file, { force: true });
  }
  expect([...results].sort()).toEqual(["store", "store.new"]);
});

test("content that was not synced is cut off anywhere, also behind a rename", async () => {
  const store = join(disk, "data/store");
  const [write = "", , rename = ""] = SAVE;
  const seen = new Set<string>();
  for (let seed = 0; seed < 50; seed++) {
    writeFileSync(store, "new");
    await losePower(calls(write, rename, "7 fsync(9<@/data>) = 0"), disk, new Map(), new Random(seed));
    seen.add(readFileSync(store, "utf8"));
  }
  expect([...seen].sort()).toEqual(["", "n", "ne", "new"]);
});

test("a place that was written twice without a sync between stays as it is: what it held in between is in no log", async () => {
  const slot = join(disk, "slot");
  const write = '7 pwrite64(9<@/slot>, "new."..., 4096, 0) = 4096';
  for (let seed = 0; seed < 50; seed++) {
    writeFileSync(slot, "old.".repeat(BLOCK / 4));
    const before = await readDisk([slot]);
    writeFileSync(slot, "new.".repeat(BLOCK / 4));
    const loss = await losePower(calls(write, write), disk, before, new Random(seed));
    expect(readFileSync(slot, "latin1")).toBe("new.".repeat(BLOCK / 4));
    expect(loss).toMatchObject({ blocksLost: 0 });
  }
});
