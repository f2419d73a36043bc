import { expect, test } from "vitest";
import { ENTRIES, TABLE } from "../../../src/core/deployment/table.ts";
import { EVERY_STOP, Exploration, type Scope } from "./explore.ts";
import { SETUPS } from "./world.ts";

const USUAL_STOPS = ["none", "ArtifactCommit_Enter"];
const taken = new Set<string>();
let worlds = 0;
let transitions = 0;

function explore(setup: (typeof SETUPS)[number], scope: Scope): unknown {
  const exploration = new Exploration(setup, scope);
  const broken = exploration.run();
  worlds += exploration.worlds;
  transitions += exploration.transitions;
  for (const cell of exploration.cells) taken.add(cell);
  return broken;
}

for (const setup of SETUPS) {
  const isBoth = setup.payload === "both";
  const cuts = isBoth ? 1 : 3;
  test(`${setup.title}: every promise holds in every state of the world, with up to ${cuts} power cut${isBoth ? "" : "s"}`, () => {
    expect(explore(setup, { cuts, damage: false, stops: USUAL_STOPS })).toBeUndefined();
  });

  test(`${setup.title}: every promise holds with scripts that fail during the rollback${isBoth ? "" : ", and a power cut"}`, () => {
    expect(explore(setup, { cuts: isBoth ? 0 : 1, damage: true, stops: USUAL_STOPS })).toBeUndefined();
  });
}

for (const setup of SETUPS.filter(({ mode }) => mode === "standalone")) {
  test(`${setup.title}: every promise holds wherever --stop-before stops it`, () => {
    expect(explore(setup, { cuts: 0, damage: true, stops: EVERY_STOP })).toBeUndefined();
  });
}

test("every cell of the table and of the entries is taken", () => {
  const cells = Object.entries(TABLE).flatMap(([state, row]) =>
    ["ok", "no", "hold", "fail", "abort", "crash", "resumes"]
      .filter((column) => column in row)
      .map((column) => `${state}.${column}`),
  );
  const entries = Object.entries(ENTRIES).flatMap(([command, row]) => Object.keys(row).map((at) => `${command}.${at}`));
  expect([...taken].sort()).toEqual([...cells, ...entries].sort());
});

test("the exploration is large enough to mean something", () => {
  process.stdout.write(`model: ${worlds} worlds, ${transitions} transitions\n`);
  expect(worlds).toBeGreaterThan(150_000);
  expect(transitions).toBeGreaterThan(600_000);
});
