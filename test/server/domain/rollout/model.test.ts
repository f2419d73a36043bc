import fc from "fast-check";
import { expect, test } from "vitest";
import { advance } from "../../../../server/domain/rollout/advance.ts";
import { initialMemory } from "../../../../server/domain/rollout/memory.ts";
import { doorOf } from "../../../../server/domain/rollout/sizes.ts";
import { planArbitrary, stepsArbitrary } from "./plans.ts";
import { brokenRule } from "./rules.ts";
import { World } from "./world.ts";

test("random plans, fleets and people break no rule", () => {
  fc.assert(
    fc.property(planArbitrary, stepsArbitrary, (plan, steps) => {
      const world = new World(plan, { advance, initialMemory, doorOf }, brokenRule);
      expect(world.start()).toBeUndefined();
      for (const step of steps) expect(world.do(step), JSON.stringify(step)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});
