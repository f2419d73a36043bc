import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { filesBelow } from "../../scripts/lib/files.ts";
import { type Fragment, fragmentsOf } from "../../scripts/yocto/fragments.ts";

/** BitBake has replaced its variables by words, so what looks constant here is not. `local` is in every shell of OE. */
const CONSTANT = "SC2043,SC2050,SC2154,SC2157,SC2194,SC3043";

const shellcheck = (code: string): readonly [number | null, string] => {
  const { status, stdout } = spawnSync("shellcheck", ["--format=gcc", `--exclude=${CONSTANT}`, "-"], {
    encoding: "utf8",
    input: code,
  });
  return [status, stdout];
};

/** Compiles all of them in one process. @returns a line for each that does not compile */
function compile(codes: readonly (readonly [place: string, code: string])[]): string {
  const program = `import json, sys
for place, code in json.load(sys.stdin):
    try:
        compile(code, place, "exec")
    except SyntaxError as error:
        print(place, error)
`;
  const { status, stdout, stderr } = spawnSync("python3", ["-c", program], {
    encoding: "utf8",
    input: JSON.stringify(codes),
  });
  return status === 0 ? stdout : stderr;
}

async function layerFragments(): Promise<readonly (Fragment & { readonly place: string })[]> {
  const suffixes = [".bb", ".bbappend", ".bbclass", ".inc", ".conf"];
  const folders = ["yocto-layer", "yocto-boards", "test/yocto/meta-stubs"];
  const files = await Promise.all(folders.flatMap((folder) => suffixes.map((suffix) => filesBelow(folder, suffix))));
  const found = await Promise.all(
    files.flat().map(async (file) =>
      fragmentsOf(await readFile(file, "utf8")).map((fragment) => ({
        ...fragment,
        place: `${file}:${fragment.line} ${fragment.name}`,
      })),
    ),
  );
  return found.flat();
}

test("shellcheck finds nothing in any shell function of the layer", async () => {
  const functions = (await layerFragments()).filter(({ language }) => language === "sh");
  expect(functions.length).toBeGreaterThan(20);
  const found = functions.map(({ place, code }) => [place, ...shellcheck(code)]).filter(([, status]) => status !== 0);
  expect(found).toEqual([]);
});

test("every Python fragment of the layer compiles", async () => {
  const fragments = (await layerFragments()).filter(({ language }) => language === "python");
  expect(fragments.length).toBeGreaterThan(20);
  const modules = await filesBelow("yocto-layer/lib", ".py");
  const files = await Promise.all(modules.map(async (file) => [file, await readFile(file, "utf8")] as const));
  expect(compile([...files, ...fragments.map(({ place, code }) => [place, code] as const)])).toBe("");
});

const RECIPE = `SUMMARY = "\${@'a' if d.getVar('B') else 'c'}"
do_install() {
    rm $broken
    install -d \${D}\${bindir}
}
python do_more() {
    if d.getVar('A'):
}
def helper(d):
    return 1

FILES = "x"
`;

test("shell, Python and expressions are found with their lines, and mistakes in them are reported", () => {
  const found = fragmentsOf(RECIPE);
  expect(found.map(({ language, name, line }) => [language, name, line])).toEqual([
    ["sh", "do_install", 2],
    ["python", "do_more", 6],
    ["python", "helper", 9],
    ["python", "'a' if d.getVar('B') else 'c'", 1],
  ]);
  const [install, more, helper, expression] = found.map(({ code }) => code);
  expect(install).toBe("#!/bin/sh\n    rm $broken\n    install -d /bb/D/bb/bindir\n");
  expect(shellcheck(install ?? "")).toEqual([1, expect.stringContaining("SC2086")]);
  expect(compile([["more", more ?? ""]])).toContain("expected an indented block");
  expect(compile([["helper", helper ?? ""]])).toBe("");
  expect(compile([["expression", expression ?? ""]])).toBe("");
});

test("a function without its end is refused", () => {
  expect(() => fragmentsOf("do_x() {\n    true\n")).toThrow("line 1: do_x does not end");
});
