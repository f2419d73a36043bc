import { describe } from "vitest";
import { managedScenarios } from "./managed.ts";
import { resourceScenarios } from "./resources.ts";
import { scenariosOn } from "./test-board.ts";

/** A board of its own: one for all scenarios would still be at work when those of the other files have ended. */
describe("vexpress-a9", () => {
  const scenarios = scenariosOn("vexpress-a9");
  managedScenarios(scenarios);
  resourceScenarios(scenarios);
});
