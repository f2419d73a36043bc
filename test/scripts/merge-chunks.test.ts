import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { mergeChunks } from "../../scripts/lib/merge-chunks.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "switchback-chunks-"));
});
afterEach(() => rm(dir, { recursive: true }));

/** Chunks as the bundler writes them: two export an `a`, and one is imported only for its side effects. */
const chunks = () =>
  new Map([
    ["entry.mjs", 'import{a as x,b}from"./one.mjs";import{a}from"./two.mjs";import"./said.mjs";console.log(x,b,a);'],
    ["late.mjs", 'import{a as y}from"./two.mjs";console.log("late",y);export{};'],
    [
      "one.mjs",
      'import{basename as n}from"node:path";var q="one "+n("/x/y"),r=()=>import("./late.mjs");export{q as a,r as b};',
    ],
    ["two.mjs", 'import{a as o}from"./one.mjs";var q=o+" two";export{q as a};\n'],
    ["said.mjs", 'console.log("said");'],
  ]);

async function run(texts: ReadonlyMap<string, string>): Promise<string> {
  for (const [name, text] of texts) await writeFile(join(dir, name), text);
  const script = `await import(${JSON.stringify(join(dir, "entry.mjs"))}); await import(${JSON.stringify(join(dir, "late.mjs"))});`;
  return execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
}

const SAID = "said\none y [Function: r] one y two\nlate one y two\n";

test("chunks that are made one say and give out what they did, to files that are loaded later, too", async () => {
  const texts = chunks();
  await mergeChunks(texts, new Map([["all.mjs", ["one.mjs", "two.mjs", "said.mjs"]]]));
  expect([...texts.keys()].sort()).toEqual(["all.mjs", "entry.mjs", "late.mjs"]);
  expect((await run(texts)).replace(/\[Function: \w+\]|\(\)=>[^ ]*/, "[Function: r]")).toBe(SAID);
});

test("a group may build on the groups before it", async () => {
  const texts = chunks();
  await mergeChunks(
    texts,
    new Map([
      ["first.mjs", ["one.mjs"]],
      ["second.mjs", ["two.mjs", "said.mjs"]],
    ]),
  );
  expect([...texts.keys()].sort()).toEqual(["entry.mjs", "first.mjs", "late.mjs", "second.mjs"]);
  expect((await run(texts)).replace(/\[Function: \w+\]|\(\)=>[^ ]*/, "[Function: r]")).toBe(SAID);
});

test("a group that needs what no group before it holds is refused", async () => {
  const texts = chunks();
  texts.set("two.mjs", 'import{a as o}from"./three.mjs";export{o as a};');
  await expect(mergeChunks(texts, new Map([["all.mjs", ["two.mjs"]]]))).rejects.toThrow("./three.mjs");
});
