import { expect, test } from "vitest";
import { readsWhole } from "../../scripts/gates/bounded.ts";

test.each([
  'import { readFile } from "node:fs/promises";',
  'import { existsSync, readFileSync } from "node:fs";',
  'import {\n  mkdir,\n  readFile as readAll,\n} from "fs/promises";',
])("a module that can read a file of any size is seen: %j", (text) => {
  expect(readsWhole(text)).toBe(true);
});

test.each([
  'import { open, readdir } from "node:fs/promises";',
  'import { readSmallFile } from "../util/small-file.ts";',
  "const { readFile } = sandbox;",
])("one that cannot is none: %j", (text) => {
  expect(readsWhole(text)).toBe(false);
});
