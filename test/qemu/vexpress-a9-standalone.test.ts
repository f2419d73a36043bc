import { standaloneScenarios } from "./standalone.ts";

standaloneScenarios("vexpress-a9");
