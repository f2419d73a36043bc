import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BuiltProgram } from "../../support/built-program.ts";
import { headerDocument, ours, theirs } from "./run-tools.ts";

/** Takes the same Artifacts apart with both tools, and writes them again with both. */
const dir = mkdtempSync(join(tmpdir(), "switchback-dump-"));
const at = (name: string): string => join(dir, name);
afterAll(() => rmSync(dir, { recursive: true }));

const put = (name: string, content: string | Uint8Array): string => {
  writeFileSync(at(name), content, { mode: 0o755 });
  return at(name);
};
const image = put("image", Buffer.alloc(300_000, "no file system "));
const app = put("app", "application");
const empty = put("empty", "");
const scripts = [put("ArtifactInstall_Enter_01_stop", "#!/bin/sh\n"), put("ArtifactCommit_Leave_99", "exit 0\n")];
const metaData = put("meta.json", '{"b":{"z":1,"y":[2]},"a":"x"}');
const COMMON = ["-t", "board-a", "-t", "board-b", "-n", "release-1"];
const FULL = ["-p", "one:1", "-p", "two:2:2", "-d", "boot:1", "-N", "release-0", "-G", "old", "-g", "new"].concat(
  scripts.flatMap((script) => ["-s", script]),
);

const SOURCES: Readonly<Record<string, readonly string[]>> = {
  rootfs: ["rootfs-image", ...COMMON, "-f", image, ...FULL],
  module: ["module-image", ...COMMON, "-T", "mod", "-f", app, "-f", empty, "-m", metaData, ...FULL],
  bare: ["module-image", "-t", "a b", "-n", "r", "-T", "mod", "--no-default-software-version", "--compression", "lzma"],
};

let program: BuiltProgram;
beforeAll(async () => {
  program = await BuiltProgram.build();
  for (const [name, args] of Object.entries(SOURCES)) theirs("write", ...args, "-o", at(name));
});

const parts = (folder: string): readonly string[] => [
  ...["--files", at(`${folder}/files`), "--scripts", at(`${folder}/scripts`), "--meta-data", at(`${folder}/meta`)],
];
const contentOf = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(at(folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name, parentPath }) => [name, readFileSync(join(parentPath, name), "latin1")]),
  );
/** The real tool prints the pairs of a map in any order, and has no word for the compression. */
const sortedWords = (words: readonly string[]): readonly string[] =>
  words
    .join("\n")
    .replace("\n--compression\nlzma", "")
    .split(/\n(?=--)/)
    .sort();

for (const source of Object.keys(SOURCES)) {
  test(`dump of '${source}' gives the files and the arguments of the real tool, and they write the Artifact again`, async () => {
    const [mine, real] = [`ours-${source}`, `theirs-${source}`];
    const json = (await ours("dump", ...parts(mine), "--json", at(source))).join("");
    const { arguments: words } = JSON.parse(json) as { readonly arguments: readonly string[] };
    const stdout = execFileSync("mender-artifact", ["dump", ...parts(real), "--print0-cmdline", at(source)], {
      encoding: "utf8",
    });
    const realWords = stdout.replace(/\0$/, "").replaceAll(`/${real}/`, `/${mine}/`).split("\0");
    expect(sortedWords(words)).toEqual(sortedWords(realWords));
    expect(contentOf(mine)).toEqual(contentOf(real));
    await ours(...words, "-o", at("again"));
    theirs(...words, "-o", at("theirs-again"));
    for (const name of ["header-info", "headers/0000/type-info"]) {
      const before = headerDocument(at(source), name);
      const expected = source === "rootfs" ? before.replace('"type":""', '"type":"rootfs-image"') : before;
      expect([headerDocument(at("again"), name), headerDocument(at("theirs-again"), name)]).toEqual([
        expected,
        expected,
      ]);
    }
    const shown = async (path: string): Promise<readonly string[]> =>
      (await ours("read", path)).filter((line) => !line.includes(" modified: ")).sort();
    expect(await shown(at("again"))).toEqual(await shown(at(source)));
    theirs("validate", at("again"));
  });
}

test("the printed line can be pasted into a shell, and the one with null characters goes through xargs", async () => {
  const quoted = (await ours("dump", "--print-cmdline", at("bare"))).join("\n");
  expect(quoted).toContain("--device-type 'a b' ");
  mkdirSync(at("shell"));
  const tool = `${process.execPath} ${program.path} artifact`;
  const sh = (line: string): string => execFileSync("sh", ["-ec", line], { cwd: at("shell"), encoding: "utf8" });
  sh(`${tool} ${quoted} -o pasted`);
  sh(`${tool} dump --print0-cmdline ${at("bare")} | xargs -0 -I{} true; ${tool} dump --print0-cmdline ${at("bare")} >words
    { cat words; printf -- '-o\\0piped\\0'; } | xargs -0 ${tool}`);
  const read = (name: string): string => sh(`${tool} read --json ${name}`);
  expect(JSON.parse(read("pasted"))).toEqual(JSON.parse(read("piped")));
  expect(JSON.parse(read("piped"))).toMatchObject({ device_types: ["a b"] });
});
