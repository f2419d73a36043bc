import { expect, test } from "vitest";
import type { Fault } from "../../qemu/harness/faults.ts";
import type { Outcome } from "../../qemu/harness/outcome.ts";
import { powerCuts } from "../../qemu/harness/power-cuts-scenario.ts";
import { runScenarios, withNeeds } from "../../qemu/harness/run-scenarios.ts";
import { SCENARIOS } from "../../qemu/harness/scenarios.ts";
import { type DeviceFaults, ScriptedDevice } from "./scripted-device.ts";

const signal = new AbortController().signal;
const QUIET = { begins: () => undefined, ended: () => undefined };
const ALL = [...SCENARIOS, powerCuts(6, 3, () => undefined)];

const run = (device: ScriptedDevice, names?: readonly string[]): Promise<readonly Outcome[]> =>
  runScenarios(device, names === undefined ? ALL : withNeeds(ALL, names), QUIET, signal, () => 0);

const results = (outcomes: readonly Outcome[]): Readonly<Record<string, string>> =>
  Object.fromEntries(outcomes.map(({ name, result, fault }) => [name, fault ?? result]));

test("on a sound device, every scenario holds, and the device never goes back to the image", async () => {
  const device = new ScriptedDevice();
  const outcomes = await run(device);
  expect(outcomes.map(({ name, result }) => `${name} ${result}`)).toEqual([
    "start held",
    "install held",
    "reboot held",
    "fallback held",
    "rollback held",
    "broken-image held",
    "download-cut held",
    "commit held",
    "power-cuts held",
  ]);
  expect(outcomes.map(({ found }) => found).slice(0, 4)).toEqual([
    "Slot A runs with 'v1'.",
    "The Artifact is in slot B.",
    "Slot B runs on trial.",
    "The boot loader returned to slot A with 'v1'.",
  ]);
  expect(outcomes.at(-1)?.found).toMatch(
    /^6 power cuts: \d rest on the new system, \d on the old one, 0 broken \(seed 3\)\.$/,
  );
  expect(device.counts.resets).toBe(0);
});

const FAULTY: readonly (readonly [DeviceFaults, Readonly<Record<string, Fault | "held" | "skipped">>])[] = [
  [{ dead: true }, { start: "does-not-start", install: "skipped", commit: "skipped", "power-cuts": "skipped" }],
  [{ hasNoSsh: true }, { start: "no-ssh", install: "skipped" }],
  [{ refuses: true }, { start: "held", install: "agent-refuses", reboot: "skipped", "download-cut": "skipped" }],
  [{ readsElsewhere: true }, { install: "held", reboot: "environment-place", commit: "skipped" }],
  [{ brokenArtifact: true }, { install: "held", reboot: "new-system-does-not-start" }],
  [
    { countsNoBoots: true },
    { reboot: "held", fallback: "no-boot-counting", "broken-image": "no-boot-counting", commit: "held" },
  ],
  [{ commitsByItself: true }, { fallback: "commits-by-itself", "broken-image": "held" }],
  [{ resumesNothing: true }, { "download-cut": "held", commit: "held" }],
  [{ tearsBothSlots: true }, { fallback: "does-not-start", rollback: "does-not-start", "power-cuts": "power-cut" }],
];

for (const [faults, expected] of FAULTY)
  test(`a device with ${Object.keys(faults)[0]} is told by its fault`, async () => {
    const outcomes = await run(new ScriptedDevice(faults));
    expect(results(outcomes)).toMatchObject(expected);
    for (const { result, fault, advice } of outcomes)
      expect([fault, advice].every((each) => (each !== undefined) === (result === "failed"))).toBe(true);
  });

test("a failed scenario leaves the next one a new copy of the image", async () => {
  const device = new ScriptedDevice({ countsNoBoots: true });
  const outcomes = await run(device, ["fallback", "rollback"]);
  expect(results(outcomes)).toMatchObject({ fallback: "no-boot-counting", rollback: "held" });
  expect(device.counts.resets).toBe(1);
});

test("chosen scenarios run with what they need, and no others", async () => {
  const names = (chosen: readonly string[]): readonly string[] => withNeeds(ALL, chosen).map(({ name }) => name);
  expect(names(["commit"])).toEqual(["start", "install", "reboot", "commit"]);
  expect(names(["start"])).toEqual(["start"]);
  expect(names(["power-cuts"])).toEqual(["start", "install", "reboot", "commit", "power-cuts"]);
});

test("with one Artifact, a power cut meets a slot that must be written; with three, none need be wiped", async () => {
  const [one, three] = [new ScriptedDevice({}, 1), new ScriptedDevice({}, 3)];
  await run(one, ["power-cuts"]);
  await run(three, ["power-cuts"]);
  expect([one.counts.wipes > 0, three.counts.wipes]).toEqual([true, 0]);
});
