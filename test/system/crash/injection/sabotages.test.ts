import { afterAll, beforeAll, expect, test } from "vitest";
import { Injection } from "./injection.ts";
import { SABOTAGES } from "./sabotages.ts";
import { SCENARIOS } from "./scenarios.ts";
import { Workshop } from "./workshop.ts";

let workshop: Workshop;
beforeAll(async () => {
  workshop = await Workshop.open();
});
afterAll(() => workshop.close());

for (const { title, scenario: wanted, sabotage, found } of SABOTAGES) {
  test(`power cuts find it when ${title}`, async () => {
    const scenario = SCENARIOS.find((one) => one.title === wanted);
    if (scenario === undefined) throw new Error(`no scenario is called ${wanted}`);
    const { broken } = await new Injection(workshop, scenario, { seed: 1, sabotage, until: found }).run();
    expect(broken.map(({ message }) => message)).toContainEqual(expect.stringMatching(found));
  });
}
