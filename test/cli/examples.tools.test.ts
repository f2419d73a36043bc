import { afterAll, beforeAll, expect } from "vitest";
import { needs } from "../support/needs.ts";
import { titlesIn } from "../support/titles.ts";
import { BuiltProgram } from "./built-program.ts";
import { changed, type Device, type Ended } from "./examples/device.ts";
import { helpExamples, topCommands } from "./examples/help.ts";
import { Lab } from "./examples/lab.ts";
import type { Outcome, Row, Situation } from "./examples/row.ts";
import { ARTIFACT_ROWS } from "./examples/rows-artifact.ts";
import { TOOL_ROWS } from "./examples/rows-tools.ts";
import { UPDATE_ROWS } from "./examples/rows-update.ts";

const { test } = needs("namespaces", "mount", "loop");

const ROWS: readonly Row[] = [...UPDATE_ROWS, ...ARTIFACT_ROWS, ...TOOL_ROWS];
const known = await helpExamples();

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.make(await BuiltProgram.build());
});
afterAll(() => lab.close());

/** What goes with the power, what a program that has only looked may leave, and the file below a filesystem. */
const PASSING = /^\/(?:tmp|run|dev|root)\/|\.lock$|^\/disk$/;
const TRACE = /^\s+at .*:\d+|node:internal|^\w*Error: /m;

async function runIn(device: Device, line: string, outcome: Outcome, isApplied: boolean): Promise<void> {
  const before = device.files();
  const ended: Ended = await device.run(line);
  const said = `${ended.out}${ended.err}`;
  expect(ended.exit, said).toBe(outcome.exit ?? 0);
  expect(said).not.toMatch(TRACE);
  for (const text of outcome.says ?? []) expect(said).toContain(text);
  const changes = outcome.changes ?? (isApplied ? undefined : []);
  if (changes !== undefined && changes[0] !== "*")
    expect(changed(before, device.files()).filter((path) => !PASSING.test(path))).toEqual(
      changes.filter((path) => !PASSING.test(path)),
    );
  await outcome.promised?.(device, ended, lab);
}

async function withDevice({ at, given }: Situation, work: (device: Device) => Promise<void>): Promise<void> {
  const device = lab.at(at);
  try {
    given?.(device, lab);
    await work(device);
  } finally {
    device.remove();
  }
}

for (const { example, fits, twice, otherwise } of ROWS) {
  const line = ({ around }: Pick<Situation, "around">): string => (around === undefined ? example : around(example));
  if (typeof fits === "string")
    test(`${example} is run by another test`, async () => {
      const [file = "", title = ""] = fits.split(" · ");
      expect(await titlesIn(file)).toContain(title);
    });
  else
    test(`${example} does what it is for`, () =>
      withDevice(fits, async (device) => {
        await runIn(device, line(fits), fits, true);
        if (twice !== undefined) await runIn(device, line(twice), twice, false);
      }));
  for (const [what, situation] of Object.entries(otherwise))
    test(`${example}, where it is not for: ${what}`, () =>
      withDevice(situation, (device) => runIn(device, line(situation), situation, false)));
}

test("every example of every help text has a row", () => {
  const rows = new Set(ROWS.map(({ example }) => example));
  const missing = known.filter(({ name, line }) => !rows.has(line) && !rows.has(line.replace(name, "switchback")));
  expect(missing).toEqual([]);
  expect(known.length).toBeGreaterThan(60);
  expect(topCommands().filter((command) => !known.some(({ of }) => of.startsWith(`switchback ${command}`)))).toEqual(
    [],
  );
});
