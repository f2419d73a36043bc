import { expect, type TestAPI } from "vitest";
import { titlesIn } from "../../support/titles.ts";
import { changed, type Device, type Ended } from "./device.ts";
import type { Lab } from "./lab.ts";
import type { Outcome, Row, Situation } from "./row.ts";

/**
 * Files that a power cut removes, files that a program may leave although it only reads, and the file below a
 * filesystem.
 */
const PASSING = /^\/(?:tmp|run|dev|root)\/|\.lock$|^\/disk$/;
const TRACE = /^\s+at .*:\d+|node:internal|^\w*Error: /m;

async function runIn(lab: Lab, device: Device, line: string, outcome: Outcome, isApplied: boolean): Promise<void> {
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

async function withDevice(lab: Lab, { at, given }: Situation, work: (device: Device) => Promise<void>): Promise<void> {
  const device = lab.at(at);
  try {
    given?.(device, lab);
    await work(device);
  } finally {
    device.remove();
  }
}

/** Declares the tests of a row. @param name name of the example in their titles */
export function testRow(
  test: TestAPI,
  { example, fits, twice, otherwise }: Row,
  lab: () => Lab,
  name: string = example,
): void {
  const line = ({ around }: Pick<Situation, "around">): string => (around === undefined ? example : around(example));
  if (typeof fits === "string")
    test(`${name} is run by another test`, async () => {
      const [file = "", title = ""] = fits.split(" · ");
      expect(await titlesIn(file)).toContain(title);
    });
  else
    test(`${name} does what it is for`, () =>
      withDevice(lab(), fits, async (device) => {
        await runIn(lab(), device, line(fits), fits, true);
        if (twice !== undefined) await runIn(lab(), device, line(twice), twice, false);
      }));
  for (const [what, situation] of Object.entries(otherwise))
    test(`${name}, where it is not for: ${what}`, () =>
      withDevice(lab(), situation, (device) => runIn(lab(), device, line(situation), situation, false)));
}
