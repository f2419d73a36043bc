import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, open, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createSlotDevice } from "../../../adapters/device/slot-device.ts";
import { openBlockFile } from "../../../adapters/linux/block-file.ts";
import type { SlotId } from "../../../src/ports/bootloader.ts";
import { needs } from "../../support/needs.ts";

const onLoops = needs("loop");
const onMounts = needs("loop", "mount", "ext4");

const MIB = 1024 * 1024;
const signal = new AbortController().signal;
let folder: string;
let undo: (() => void)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "slots-"));
  undo = [];
});
afterEach(async () => {
  for (const act of undo.reverse()) act();
  await rm(folder, { recursive: true });
});

const run = (program: string, ...args: string[]): string => execFileSync(program, args, { encoding: "utf8" }).trim();

async function imageFile(name: string, sizeBytes: number): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, "");
  await truncate(path, sizeBytes);
  return path;
}

function loopOver(path: string): string {
  const loop = run("losetup", "--find", "--show", path);
  undo.push(() => run("losetup", "--detach", loop));
  return loop;
}

async function mounted(source: string, ...options: string[]): Promise<void> {
  const point = join(folder, "mounted");
  await mkdir(point);
  run("mount", ...options, source, point);
  undo.push(() => run("umount", point));
}

const slots = (b: string, booted: SlotId = "A") =>
  createSlotDevice({ paths: { A: "/dev/null", B: b }, booted: async () => booted });

async function write(path: string, image: Uint8Array, fromBytes = 0) {
  const writer = await slots(path).open("B", { imageBytes: image.length, fromBytes }, signal);
  try {
    for (let at = fromBytes; at < image.length; ) {
      const room = await writer.room();
      const count = Math.min(room.length, image.length - at);
      room.set(image.subarray(at, at + count));
      await writer.advance(count);
      at += count;
    }
    return await writer.sync();
  } finally {
    await writer.close();
  }
}

/** No byte is zero, so a slot of zeros contains no part of it, not even a last block of one byte. */
const nowhereZero = (bytes: number) => randomBytes(bytes).map((byte) => byte || 1);

for (const tail of [0, 512, 1, 4095]) {
  onLoops.test(`a block device gets the image, its last ${tail} bytes too, and twice costs nothing`, async () => {
    const image = nowhereZero(5 * MIB + tail);
    const loop = loopOver(await imageFile("b", 8 * MIB));
    expect(await write(loop, image)).toEqual({ writtenBytes: image.length, skippedBytes: 0 });
    expect((await readFile(loop)).subarray(0, image.length).equals(image)).toBe(true);
    expect(await write(loop, image)).toEqual({ writtenBytes: 0, skippedBytes: image.length });
  });
}

onLoops.test("a runtime without WebAssembly writes the same bytes through the page cache", async () => {
  vi.stubGlobal("WebAssembly", undefined);
  try {
    const image = nowhereZero(2 * MIB + 1);
    const loop = loopOver(await imageFile("b", 4 * MIB));
    expect(await write(loop, image)).toEqual({ writtenBytes: image.length, skippedBytes: 0 });
    expect((await readFile(loop)).subarray(0, image.length).equals(image)).toBe(true);
  } finally {
    vi.unstubAllGlobals();
  }
});

onLoops.test("an error of direct access that is not its absence is an error", async () => {
  const file = await imageFile("b", MIB);
  const loop = loopOver(file);
  // Access past the end of its file fails with EIO: a device whose first block is bad.
  await truncate(file, 0);
  await expect(write(loop, nowhereZero(4096))).rejects.toMatchObject({
    ...{ code: "SLOT_IO", detail: { operation: "open", errno: "EIO" } },
  });
});

async function readBack(path: string, bytes: number, booted: SlotId = "A"): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of slots(path, booted).read("B", bytes, signal)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

onMounts.test("what a slot holds can be read, also of the booted slot while it is mounted", async () => {
  const file = await imageFile("b", 7 * MIB);
  run("mkfs.ext4", "-q", file);
  const loop = loopOver(file);
  await mounted(loop);
  for (const path of [loop, file]) {
    for (const bytes of [0, 1, 4097, 5 * MIB + 777, 7 * MIB]) {
      const back = await readBack(path, bytes, "B");
      expect(back.equals((await readFile(file)).subarray(0, bytes)), `${bytes} of ${path}`).toBe(true);
    }
  }
});

onLoops.test("reading asks the device and not the page cache", async () => {
  const file = await imageFile("b", MIB);
  const loop = loopOver(file);
  // The page cache of a device lasts as long as any process has the device open.
  const held = await open(loop);
  try {
    await readFile(loop);
    await writeFile(file, Buffer.alloc(MIB, 1), { flag: "r+" });
    expect((await readFile(loop)).equals(Buffer.alloc(MIB)), "the page cache still holds the old bytes").toBe(true);
    expect((await readBack(loop, MIB - 100)).equals(Buffer.alloc(MIB - 100, 1))).toBe(true);
  } finally {
    await held.close();
  }
});

onLoops.test("an image can be continued where reading says that it got", async () => {
  const image = randomBytes(5 * MIB + 11);
  const loop = loopOver(await imageFile("b", 8 * MIB));
  await write(loop, image.subarray(0, 3 * MIB + 5000));
  const fromBytes = slots(loop).resumePoint("B", 3 * MIB + 5000);
  expect(fromBytes).toBe(3 * MIB + 4096);
  expect((await readBack(loop, fromBytes)).equals(image.subarray(0, fromBytes))).toBe(true);
  expect(await write(loop, image, fromBytes)).toEqual({ writtenBytes: image.length - fromBytes, skippedBytes: 0 });
  expect((await readBack(loop, image.length)).equals(image)).toBe(true);
});

test("a slot that ends before what is asked of it is an error that says where", async () => {
  const path = await imageFile("b", 3 * MIB);
  await expect(readBack(path, 3 * MIB + 1)).rejects.toMatchObject({
    code: "SLOT_IO",
    detail: { operation: "read", offset: 2 * MIB, moved: MIB },
  });
});

test("an image file gets the image and keeps its size", async () => {
  const image = randomBytes(3 * MIB + 100);
  const path = await imageFile("b", 4 * MIB);
  expect(await write(path, image)).toMatchObject({ writtenBytes: image.length });
  expect((await readFile(path)).subarray(0, image.length).equals(image)).toBe(true);
  expect((await stat(path)).size).toBe(4 * MIB);
});

onLoops.test("a device's size is known, even if it is not a multiple of a page", async () => {
  const loop = loopOver(await imageFile("b", 3 * MIB + 512));
  for (const direct of [true, false]) {
    const storage = await openBlockFile(loop, direct, "write");
    expect(storage.sizeBytes).toBe(3 * MIB + 512);
    expect(storage.direct).toBe(direct);
    await storage.close();
    await storage.close();
  }
});

for (const kind of ["block device", "image file"]) {
  const { test: onKind } = kind === "block device" ? onLoops : { test };
  onKind(`an image larger than the ${kind} is refused with both numbers, and nothing is written`, async () => {
    const file = await imageFile("b", MIB);
    const path = kind === "block device" ? loopOver(file) : file;
    await expect(slots(path).open("B", { imageBytes: MIB + 1 }, signal)).rejects.toMatchObject({
      code: "SLOT_TOO_SMALL",
      detail: { slot: "B", imageBytes: MIB + 1, slotBytes: MIB },
    });
    expect((await readFile(file)).equals(Buffer.alloc(MIB))).toBe(true);
    expect(await write(path, randomBytes(MIB)), "the descriptors are closed again").toBeDefined();
  });
}

test("the booted slot is refused, whatever it is", async () => {
  const path = await imageFile("b", MIB);
  await expect(slots(path, "B").open("B", { imageBytes: 1 }, signal)).rejects.toMatchObject({
    code: "SLOT_BUSY",
    detail: { slot: "B", reason: "booted" },
  });
});

onMounts.test("a mounted device is refused, under any of its names, read-only mounts too", async () => {
  const file = await imageFile("b", 4 * MIB);
  run("mkfs.ext4", "-q", file);
  const loop = loopOver(file);
  await mounted(loop, "-o", "ro");
  await symlink(loop, join(folder, "by-name"));
  for (const path of [loop, join(folder, "by-name"), file]) {
    await expect(slots(path).open("B", { imageBytes: 1 }, signal)).rejects.toMatchObject({
      code: "SLOT_BUSY",
      detail: { reason: "mounted" },
    });
  }
});

onLoops.test("an image file under a loop device that is not mounted is free", async () => {
  const file = await imageFile("b", MIB);
  loopOver(file);
  expect(await write(file, randomBytes(1000))).toMatchObject({ writtenBytes: 1000 });
});

onLoops.test("a device that something else claims is refused, although no mount shows", async () => {
  const loop = loopOver(await imageFile("b", MIB));
  const claim = await openBlockFile(loop, false, "write");
  await expect(slots(loop).open("B", { imageBytes: 1 }, signal)).rejects.toMatchObject({
    code: "SLOT_BUSY",
    detail: { reason: "in use" },
  });
  await claim.close();
  expect(await write(loop, randomBytes(10))).toMatchObject({ writtenBytes: 10 });
});

test("what is not there, or is no storage, is an error that names it", async () => {
  const missing = join(folder, "missing");
  await expect(slots(missing).open("B", { imageBytes: 1 }, signal)).rejects.toMatchObject({
    code: "SLOT_IO",
    detail: { slot: "B", path: missing, operation: "open", errno: "ENOENT" },
  });
  await expect(slots("/dev/null").open("B", { imageBytes: 1 }, signal)).rejects.toMatchObject({
    code: "SLOT_IO",
    detail: { path: "/dev/null", reason: "neither a block device nor a file" },
  });
});
