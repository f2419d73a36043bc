import { describe } from "vitest";
import { doctorScenarios } from "./doctor.ts";
import { standaloneScenarios } from "./standalone.ts";
import { scenariosOn } from "./test-board.ts";

describe("vexpress-a9", () => {
  const scenarios = scenariosOn("vexpress-a9");
  standaloneScenarios(scenarios);
  doctorScenarios(scenarios);
});
