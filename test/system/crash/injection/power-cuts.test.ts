import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { replaceSection } from "../../../../scripts/lib/crash-section.ts";
import { type Findings, Injection } from "./injection.ts";
import { SCENARIOS } from "./scenarios.ts";
import { powerCutSection } from "./section.ts";
import { Workshop } from "./workshop.ts";

const SEED = 20_260_101;
const PAGE = "docs/reliability.md";
const findings = new Map<string, Findings>();
let workshop: Workshop;
beforeAll(async () => {
  workshop = await Workshop.open();
});
afterAll(() => workshop.close());

for (const scenario of SCENARIOS) {
  test(`${scenario.title}: at whichever act the power fails, the board boots a complete system and accepts the next update`, async () => {
    const found = await new Injection(workshop, scenario, { seed: SEED, secondCutEvery: 10 }).run();
    findings.set(scenario.title, found);
    expect(found.broken).toEqual([]);
  });
}

test("the page shows what these runs have counted", async () => {
  const section = powerCutSection(findings);
  const page = await readFile(PAGE, "utf8");
  // `SWITCHBACK_RECORD=1 npx vitest run test/system/crash/injection/power-cuts.test.ts` writes it.
  if (process.env["SWITCHBACK_RECORD"] !== undefined) await writeFile(PAGE, replaceSection(page, section));
  else expect(page).toContain(section);
});
