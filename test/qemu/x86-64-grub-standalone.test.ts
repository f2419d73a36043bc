import { standaloneScenarios } from "./standalone.ts";

standaloneScenarios("x86-64-grub");
