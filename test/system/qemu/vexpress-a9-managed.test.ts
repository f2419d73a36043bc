import { describe } from "vitest";
import { managedScenarios } from "./managed.ts";
import { resourceScenarios } from "./resources.ts";
import { scenariosOn } from "./test-board.ts";

describe("vexpress-a9", () => {
  const scenarios = scenariosOn("vexpress-a9");
  managedScenarios(scenarios);
  resourceScenarios(scenarios);
});
