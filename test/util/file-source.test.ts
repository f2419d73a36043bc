import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readFully } from "../../src/util/byte-source.ts";
import { openFileSource } from "../../src/util/file-source.ts";

const MIB = 1024 * 1024;
let dir: string;
const NEVER = new AbortController().signal;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "switchback-source-"));
});
afterAll(() => rm(dir, { recursive: true }));

async function fileOf(content: Uint8Array): Promise<string> {
  const path = join(dir, randomBytes(8).toString("hex"));
  await writeFile(path, content);
  return path;
}

for (const readBytes of [511, 65_536, MIB, MIB + 1, 4 * MIB]) {
  test(`a file comes byte for byte in reads of ${readBytes}`, async () => {
    const content = randomBytes(3 * MIB + 5);
    const source = await openFileSource(await fileOf(content), NEVER);
    const pieces: Buffer[] = [];
    for (;;) {
      const into = Buffer.alloc(readBytes);
      const count = await source.read(into);
      if (count === 0) break;
      pieces.push(into.subarray(0, count));
    }
    expect(Buffer.concat(pieces).equals(content)).toBe(true);
    expect(await source.read(Buffer.alloc(1))).toBe(0);
    await source.close();
  });
}

test("an empty file ends at once", async () => {
  const source = await openFileSource(await fileOf(new Uint8Array(0)), NEVER);
  expect(await source.read(Buffer.alloc(10))).toBe(0);
  await source.close();
});

test("a caller may change its buffer: what comes next is fetched elsewhere", async () => {
  const content = randomBytes(2 * MIB);
  const source = await openFileSource(await fileOf(content), NEVER);
  const into = Buffer.alloc(MIB);
  await readFully(source, into);
  into.fill(0);
  const rest = Buffer.alloc(MIB);
  expect(await readFully(source, rest)).toBe(MIB);
  expect(rest.equals(content.subarray(MIB))).toBe(true);
  await source.close();
});

test("closing in the middle, twice, leaves nothing open", async () => {
  const source = await openFileSource(await fileOf(randomBytes(3 * MIB)), NEVER);
  await source.read(Buffer.alloc(10));
  await Promise.all([source.close(), source.close()]);
  await source.close();
});

test("a missing file and a folder are errors of the system call", async () => {
  await expect(openFileSource(join(dir, "nothing"), NEVER)).rejects.toMatchObject({ code: "ENOENT" });
  const folder = await openFileSource(dir, NEVER);
  await expect(Promise.resolve(folder.read(Buffer.alloc(1)))).rejects.toMatchObject({ code: "EISDIR" });
  await folder.close();
});
