import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect } from "vitest";
import { filesBelow } from "../../scripts/lib/files.ts";
import { joined } from "../cli/examples/help.ts";
import { Lab } from "../cli/examples/lab.ts";
import type { Row } from "../cli/examples/row.ts";
import { IMAGE_ROWS } from "../cli/examples/rows-image.ts";
import { IMAGE_FILE_ROWS } from "../cli/examples/rows-image-files.ts";
import { MODIFY_ROWS } from "../cli/examples/rows-modify.ts";
import { TAKEOVER_ROWS } from "../cli/examples/rows-takeover.ts";
import { UPDATE_ROWS } from "../cli/examples/rows-update.ts";
import { testRow } from "../cli/examples/run-row.ts";
import { BuiltProgram } from "../support/built-program.ts";
import { needs } from "../support/needs.ts";
import { NOT_RUN } from "./not-run.ts";
import { PAGE_ROWS } from "./page-rows.ts";
import { fencesOf, keyOf } from "./walk/guide.ts";
import { WALKS } from "./walk/walks.ts";

const { test } = needs("namespaces", "mount", "loop");

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.make(await BuiltProgram.build());
});
afterAll(() => lab.close());

const FOLDERS = ["docs", "identity", "qemu", "state-scripts", "update-modules"];
/** Hold the examples of help texts, which test/cli/examples.tools.test.ts and test/fleet/examples.server.test.ts run. */
const IN_HELP: readonly string[] = ["docs/reference/cli.md", "docs/reference/fleet.md"];
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  ...(await Promise.all(FOLDERS.map((name) => filesBelow(name, ".md")))).flat(),
].filter((page) => !IN_HELP.includes(page));

interface Block {
  readonly page: string;
  readonly key: string;
  readonly text: string;
}

/** Every block of shell, by its first line; a script by its page. */
async function blocksOf(page: string): Promise<readonly Block[]> {
  const shell = fencesOf(await readFile(page, "utf8")).filter(({ language }) => language === "sh");
  return shell.map(({ text }) => ({ page, key: keyOf(page, text), text }));
}

/** Guides that tests follow from top to bottom. */
const followed = new Set(
  [...Object.keys(WALKS), "ci-with-qemu.md", "packages.md", "yocto.md"].map((name) => `docs/guides/${name}`),
);
const blocks = (await Promise.all(pages.map(blocksOf))).flat();
const rows = new Map(PAGE_ROWS.map((row) => [row.example, row]));
const inHelp = new Set(
  [...UPDATE_ROWS, ...TAKEOVER_ROWS, ...MODIFY_ROWS, ...IMAGE_FILE_ROWS, ...IMAGE_ROWS].map(({ example }) => example),
);

for (const { page, key, text } of blocks) {
  const row: Row | undefined = rows.get(key);
  if (row !== undefined) testRow(test, { ...row, example: text }, () => lab, `${page}: ${key}`);
}

test("every shell block on every page has a row, or a reason why it does not run", () => {
  const isKnown = ({ page, key, text }: Block): boolean =>
    followed.has(page) || rows.has(key) || Object.hasOwn(NOT_RUN, key) || inHelp.has(joined(text).trim());
  expect(blocks.filter((block) => !isKnown(block)).map(({ page, key }) => `${page}: ${key}`)).toEqual([]);
  expect(blocks.length).toBeGreaterThan(30);
  const keys = new Set(blocks.map(({ key }) => key));
  expect([...rows.keys(), ...Object.keys(NOT_RUN)].filter((key) => !keys.has(key))).toEqual([]);
});
