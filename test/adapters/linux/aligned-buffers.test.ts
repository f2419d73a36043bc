import { constants } from "node:fs";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { ALIGNMENT, allocateBuffers } from "../../../adapters/linux/aligned-buffers.ts";

afterEach(() => vi.unstubAllGlobals());

test("buffers are of the size asked for and do not overlap", () => {
  const { buffers } = allocateBuffers(3, 2 * ALIGNMENT);
  for (const [index, buffer] of buffers.entries()) buffer.fill(index + 1);
  expect(buffers.map((buffer) => buffer.length)).toEqual([8192, 8192, 8192]);
  expect(buffers.map((buffer) => new Set(buffer))).toEqual([new Set([1]), new Set([2]), new Set([3])]);
});

test("aligned buffers are what O_DIRECT takes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "aligned-"));
  const path = join(folder, "file");
  await writeFile(path, Buffer.alloc(4 * ALIGNMENT, 7));
  const file = await open(path, constants.O_RDONLY | constants.O_DIRECT);
  try {
    const { buffers, aligned } = allocateBuffers(3, ALIGNMENT);
    expect(aligned).toBe(true);
    for (const buffer of buffers) {
      expect((await file.read(buffer, 0, ALIGNMENT, ALIGNMENT)).bytesRead).toBe(ALIGNMENT);
      expect(buffer.every((byte) => byte === 7)).toBe(true);
    }
  } finally {
    await file.close();
    await rm(folder, { recursive: true });
  }
});

for (const [what, host] of Object.entries({
  "without WebAssembly": undefined,
  "without the address space for it": {
    Memory: class {
      constructor() {
        throw new RangeError("could not allocate memory");
      }
    },
  },
})) {
  test(`${what} buffers are ordinary, and report it`, () => {
    vi.stubGlobal("WebAssembly", host);
    const { buffers, aligned } = allocateBuffers(2, ALIGNMENT);
    expect([buffers.length, buffers[0]?.length, aligned]).toEqual([2, ALIGNMENT, false]);
  });
}
