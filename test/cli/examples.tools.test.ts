import { afterAll, beforeAll, expect } from "vitest";
import { BuiltProgram } from "../support/built-program.ts";
import { needs } from "../support/needs.ts";
import { helpExamples, topCommands } from "./examples/help.ts";
import { Lab } from "./examples/lab.ts";
import type { Row } from "./examples/row.ts";
import { ARTIFACT_ROWS } from "./examples/rows-artifact.ts";
import { IMAGE_ROWS } from "./examples/rows-image.ts";
import { IMAGE_FILE_ROWS } from "./examples/rows-image-files.ts";
import { MODIFY_ROWS } from "./examples/rows-modify.ts";
import { TAKEOVER_ROWS } from "./examples/rows-takeover.ts";
import { TOOL_ROWS } from "./examples/rows-tools.ts";
import { UPDATE_ROWS } from "./examples/rows-update.ts";
import { YOCTO_ROWS } from "./examples/rows-yocto.ts";
import { testRow } from "./examples/run-row.ts";

const { test } = needs("namespaces", "mount", "loop");

const ROWS: readonly Row[] = [
  ...UPDATE_ROWS,
  ...TAKEOVER_ROWS,
  ...ARTIFACT_ROWS,
  ...MODIFY_ROWS,
  ...IMAGE_FILE_ROWS,
  ...TOOL_ROWS,
  ...IMAGE_ROWS,
  ...YOCTO_ROWS,
];
const known = await helpExamples();

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.make(await BuiltProgram.build());
});
afterAll(() => lab.close());

for (const row of ROWS) testRow(test, row, () => lab);

test("every example in every help text has a row", () => {
  const rows = new Set(ROWS.map(({ example }) => example));
  const missing = known.filter(({ name, line }) => !rows.has(line) && !rows.has(line.replace(name, "switchback")));
  expect(missing).toEqual([]);
  expect(known.length).toBeGreaterThan(60);
  expect(topCommands().filter((command) => !known.some(({ of }) => of.startsWith(`switchback ${command}`)))).toEqual(
    [],
  );
});
