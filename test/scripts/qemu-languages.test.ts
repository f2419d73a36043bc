import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keepEnglishOnly } from "../../qemu/image/languages.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-languages-"));
});
afterAll(() => rm(folder, { recursive: true }));

const BEFORE = "program";
const HEAD_BYTES = 32;

/** A library with ICU's data in it: each item holds its own name. */
function library(names: readonly string[]): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt16LE(HEAD_BYTES);
  head.write("CmnD", 12);
  const texts = names.map((name) => Buffer.from(`${name}\0`));
  const index = Buffer.alloc(4 + 8 * names.length);
  index.writeUInt32LE(names.length);
  let name = index.length;
  let item = name + Buffer.concat(texts).length;
  for (const [at, text] of texts.entries()) {
    index.writeUInt32LE(name, 4 + 8 * at);
    index.writeUInt32LE(item, 8 + 8 * at);
    name += text.length;
    item += text.length;
  }
  return Buffer.concat([Buffer.from(BEFORE), head, index, ...texts, ...texts]);
}

test("of all languages only English is left, and what belongs to none", async () => {
  const names = [
    ...["icudt76l/af.res", "icudt76l/coll/de_AT.res", "icudt76l/coll/en_US.res", "icudt76l/coll/root.res"],
    ...["icudt76l/brkitr/thaidict.dict", "icudt76l/ibm-37.cnv", "icudt76l/zoneinfo64.res"],
  ];
  const path = join(folder, "libicudata.so.76");
  await writeFile(path, library(names));
  await keepEnglishOnly(path);
  const after = await readFile(path);
  expect(after.length).toBe(library(names).length);
  const left = after
    .toString("latin1")
    .split("\0")
    .filter((text) => text.startsWith("icudt76l/"));
  const kept = ["icudt76l/coll/en_US.res", "icudt76l/coll/root.res", "icudt76l/zoneinfo64.res"];
  expect(left).toEqual([...names, ...kept]);
});

test("a library without such data is refused", async () => {
  const path = join(folder, "libother.so");
  await writeFile(path, "ELF");
  await expect(keepEnglishOnly(path)).rejects.toThrow(/libother.so holds no data/);
});
