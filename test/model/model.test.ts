import { expect, test } from "vitest";
import { ENTRIES, TABLE } from "../../src/core/deployment/table.ts";
import { EVERY_STOP, Exploration } from "./explore.ts";
import { SETUPS } from "./world.ts";

const USUAL_STOPS = ["none", "ArtifactCommit_Enter"];
const taken = new Set<string>();
let worlds = 0;
let transitions = 0;

function explore(setup: (typeof SETUPS)[number], cuts: number, stops: readonly string[]): unknown {
  const exploration = new Exploration(setup, { cuts, stops });
  const broken = exploration.run();
  worlds += exploration.worlds;
  transitions += exploration.transitions;
  for (const cell of exploration.cells) taken.add(cell);
  return broken;
}

for (const setup of SETUPS) {
  test(`${setup.title}: every promise holds in every world, with up to three power cuts`, () => {
    expect(explore(setup, 3, USUAL_STOPS)).toBeUndefined();
  }, 60_000);
}

for (const setup of SETUPS.filter(({ mode }) => mode === "standalone")) {
  test(`${setup.title}: every promise holds wherever --stop-before stops it`, () => {
    expect(explore(setup, 0, EVERY_STOP)).toBeUndefined();
  });
}

test("every cell of the table and of the entries is taken", () => {
  const cells = Object.entries(TABLE).flatMap(([state, row]) =>
    ["ok", "no", "hold", "fail", "crash"].filter((column) => column in row).map((column) => `${state}.${column}`),
  );
  const entries = Object.entries(ENTRIES).flatMap(([command, row]) => Object.keys(row).map((at) => `${command}.${at}`));
  expect([...taken].sort()).toEqual([...cells, ...entries].sort());
});

test("the exploration is large enough to mean something", () => {
  process.stdout.write(`model: ${worlds} worlds, ${transitions} transitions\n`);
  expect(worlds).toBeGreaterThan(250_000);
  expect(transitions).toBeGreaterThan(700_000);
});
