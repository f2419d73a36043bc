import { expect, test } from "vitest";
import { EVERY_STOP, Exploration, type Scope } from "./explore.ts";
import { type Mutant, mutants } from "./mutants.ts";
import { SURVIVORS } from "./survivors.ts";
import { SETUPS } from "./world.ts";

const USUAL_STOPS = ["none", "ArtifactCommit_Enter"];
/** Cheap ones first: what falls in one does not see the next. `one`: without those of several payloads. */
const SCOPES: readonly (Scope & { readonly only?: string; readonly one?: true })[] = [
  { cuts: 0, damage: true, stops: USUAL_STOPS },
  { cuts: 0, damage: true, stops: EVERY_STOP, only: "standalone" },
  { cuts: 1, damage: false, stops: USUAL_STOPS, one: true },
];

function survivors(all: readonly Mutant[]): readonly Mutant[] {
  let left = all;
  for (const scope of SCOPES) {
    const setups = SETUPS.filter(
      ({ mode, payload }) => (scope.only ?? mode) === mode && (scope.one !== true || payload !== "both"),
    );
    const explorations = setups.map((setup) => new Exploration(setup, scope));
    for (const exploration of explorations) expect(exploration.run()).toBeUndefined();
    explorations.sort((a, b) => a.worlds - b.worlds);
    left = left.filter(({ product, cell }) => explorations.every((e) => e.mutate(product, cell) === undefined));
  }
  return left;
}

test("every wrong cell is noticed, but for those that change nothing", () => {
  const all = mutants();
  const left = survivors(all).map(({ name }) => name);
  process.stdout.write(`mutants: ${all.length}, of which ${left.length} survive\n`);
  expect(left.toSorted()).toEqual(Object.keys(SURVIVORS).sort());
  expect(all.length).toBeGreaterThan(1000);
  expect(left.length / all.length).toBeLessThanOrEqual(0.02);
}, 120_000);
