import { expect, test } from "vitest";
import { EVERY_STOP, Exploration, PRODUCT, type Product, type Scope } from "./explore.ts";
import { type Mutant, mutants } from "./mutants.ts";
import { SURVIVORS } from "./survivors.ts";
import { hasSlots, SETUPS } from "./world.ts";

const USUAL_STOPS = ["none", "ArtifactCommit_Enter"];
/** Cheap scopes first: a mutant found in one skips the rest. `one`: leaves out setups with several payloads. */
const SCOPES: readonly (Scope & { readonly only?: string; readonly one?: true })[] = [
  { cuts: 0, damage: true, stops: USUAL_STOPS },
  { cuts: 0, damage: true, stops: EVERY_STOP, only: "standalone" },
  { cuts: 1, damage: false, stops: USUAL_STOPS, one: true },
];

const known = new Map<Scope, readonly Exploration[]>();

/** Explorations of the real tables, small ones first. */
function explorations(scope: (typeof SCOPES)[number]): readonly Exploration[] {
  const found = known.get(scope);
  if (found !== undefined) return found;
  const setups = SETUPS.filter(
    ({ mode, payload }) => (scope.only ?? mode) === mode && (scope.one !== true || payload !== "both"),
  );
  const made = setups.map((setup) => new Exploration(setup, scope));
  for (const exploration of made) expect(exploration.run()).toBeUndefined();
  known.set(
    scope,
    made.toSorted((a, b) => a.worlds - b.worlds),
  );
  return explorations(scope);
}

function survivors(all: readonly Mutant[]): readonly string[] {
  let left = all;
  for (const scope of SCOPES) {
    const real = explorations(scope);
    left = left.filter(({ product, cell }) => real.every((one) => one.mutate(product, cell) === undefined));
  }
  return left.map(({ name }) => name).sort();
}

const ALL = mutants();
/** The state, or the command. */
const rowOf = (name: string): string => name.split(/[. ]/)[0] ?? "";
const listed = (row: string): readonly string[] =>
  Object.keys(SURVIVORS)
    .filter((name) => rowOf(name) === row)
    .sort();

for (const row of new Set(ALL.map(({ name }) => rowOf(name)))) {
  const own = ALL.filter(({ name }) => rowOf(name) === row);
  test(`${row}: the model notices every wrong cell that changes anything`, () => {
    expect(survivors(own)).toEqual(listed(row));
  });
}

const DAMAGE: Scope = { cuts: 0, damage: true, stops: USUAL_STOPS };
const isNotTried = { message: "a rollback that could not be written is not tried again" };

for (const setup of SETUPS.filter(hasSlots).filter(({ rollback }) => rollback)) {
  test(`${setup.title}: the model notices a start that does not retry an unfinished rollback`, () => {
    const forgetful: Product = { ...PRODUCT, finishUndo: () => undefined };
    expect(new Exploration(setup, DAMAGE, forgetful).run()).toMatchObject(isNotTried);
  });

  test(`${setup.title}: a start that drops what is owed without undoing it is noticed`, () => {
    const careless: Product = { ...PRODUCT, finishUndo: (w) => ({ done: { ...w, storedValue: undefined } }) };
    expect(new Exploration(setup, DAMAGE, careless).run()?.message).toBe(
      "an undo that was owed does not bring back the old image",
    );
  });
}

test("those that change nothing are few, and each is a mutant", () => {
  const all = ALL.map(({ name }) => name);
  process.stdout.write(`mutants: ${all.length}, of which ${Object.keys(SURVIVORS).length} survive\n`);
  expect(Object.keys(SURVIVORS).filter((name) => !all.includes(name))).toEqual([]);
  expect(all.length).toBeGreaterThan(2000);
  expect(Object.keys(SURVIVORS).length / all.length).toBeLessThanOrEqual(0.02);
});
