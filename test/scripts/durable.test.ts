import { expect, test } from "vitest";
import { changesIn } from "../../scripts/gates/durable.ts";

const from = (clause: string, body = ""): string => `import ${clause} from "node:fs/promises";\n${body}\n`;

for (const [what, text, found] of [
  ["a function that writes", from("{ writeFile }"), ["writeFile"]],
  ["its synchronous form", 'import { existsSync, renameSync } from "node:fs";', ["renameSync"]],
  ["one under another name", from("{ readFile, rm as drop }"), ["rm"]],
  ["an import of several lines", from("{\n  chmod,\n  stat,\n}"), ["chmod"]],
  ["all of it at once", from("* as fs"), ["the whole of node:fs"]],
  ["the default", 'import fs from "fs";', ["the whole of node:fs"]],
  ["a module that is got otherwise", 'process.getBuiltinModule("node:fs").rmSync(path);', ["node:fs by the way"]],
  ["one that is imported late", 'const { rm } = await import("node:fs/promises");', ["node:fs by the way"]],
  ["a file opened to be written", from("{ open }", 'await open(path, "wx", 0o600);'), ["open"]],
  ["the same by flags", from("{ open }", "await open(path, constants.O_RDWR | O_CREAT);"), ["open"]],
  ["flags that are known only later", from("{ open }", "await open(join(a, b), flags);"), ["open"]],
] as const) {
  test(`${what} is seen`, () => expect(changesIn(text)).toEqual(found));
}

for (const [what, text] of [
  ["a function that reads", from("{ lstat, readFile }")],
  ["types", from("type { FileHandle, Stats }") + from("{ type FileHandle }")],
  [
    "a file opened to be read",
    from("{ open }", "await open(join(folder, name)); await open(path, constants.O_RDONLY | O_NOCTTY);"),
  ],
  ["a method of the same name", from("{ open }", 'await device.open("B", image); await open(path, "r");')],
  ["acts", "await acts.rename(a, b); await files.remove(c);"],
] as const) {
  test(`${what} is none`, () => expect(changesIn(text)).toEqual([]));
}
