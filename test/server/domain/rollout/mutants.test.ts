import fc from "fast-check";
import { expect, test } from "vitest";
import { MISTAKES, nameOf, withMistake } from "./mutants.ts";
import { planArbitrary, stepsArbitrary } from "./plans.ts";
import { type Product, World } from "./world.ts";

/** Mistakes that no rule can tell from the real reducer, and why. */
const SURVIVORS: Readonly<Record<string, string>> = {};

const RUNS = fc.sample(fc.tuple(planArbitrary, stepsArbitrary), { numRuns: 700, seed: 19 });

/** The rule that a product breaks, if the model finds one. */
function findBroken(product: Product): string | undefined {
  for (const [plan, steps] of RUNS) {
    try {
      const world = new World(plan, product);
      let broken = world.start();
      for (const step of steps) broken ??= world.do(step);
      if (broken !== undefined) return broken;
    } catch (error) {
      return String(error);
    }
  }
  return undefined;
}

test("the rules notice each mistake in the reducer", async () => {
  const survivors: string[] = [];
  for (const mistake of MISTAKES) if (findBroken(await withMistake(mistake)) === undefined) survivors.push(nameOf(mistake));
  expect(survivors.toSorted()).toEqual(Object.keys(SURVIVORS).toSorted());
});
