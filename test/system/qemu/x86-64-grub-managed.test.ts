import { describe } from "vitest";
import { managedScenarios } from "./managed.ts";
import { scenariosOn } from "./test-board.ts";

describe("x86-64-grub", () => managedScenarios(scenariosOn("x86-64-grub")));
