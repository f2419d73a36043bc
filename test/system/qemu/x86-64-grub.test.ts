import { describe } from "vitest";
import { doctorScenarios } from "./doctor.ts";
import { standaloneScenarios } from "./standalone.ts";
import { scenariosOn } from "./test-board.ts";

describe("x86-64-grub", () => {
  const scenarios = scenariosOn("x86-64-grub");
  standaloneScenarios(scenarios);
  doctorScenarios(scenarios);
});
