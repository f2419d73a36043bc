import { ScenarioFailure } from "./faults.ts";
import { cutLine, cutPower } from "./power-cuts.ts";
import type { Scenario } from "./scenarios.ts";

/** The scenario that cuts the power again and again in updates. */
export const powerCuts = (cuts: number, seed: number, tell: (line: string) => void): Scenario => ({
  name: "power-cuts",
  promise: `the power fails ${cuts} times in updates, and the device always comes up on a complete system`,
  needs: ["commit"],
  async run(course) {
    await course.atRest();
    const { records, broken } = await cutPower(course.device, course.slot, { cuts, seed, tell });
    const statistics = { records, broken };
    if (broken.length > 0) throw new ScenarioFailure("power-cut", broken.join("\n"));
    await course.settleOn(records.at(-1)?.slot ?? course.slot);
    return `${cutLine(statistics)} (seed ${seed}).`;
  },
});
