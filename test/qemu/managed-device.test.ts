import { afterEach, beforeEach, expect, test } from "vitest";
import type { Fault } from "../../qemu/harness/faults.ts";
import { ManagedDevice } from "../../qemu/harness/managed-device.ts";
import { managed } from "../../qemu/harness/managed-scenarios.ts";
import type { Outcome } from "../../qemu/harness/outcome.ts";
import { powerCuts } from "../../qemu/harness/power-cuts-scenario.ts";
import { runScenarios, withNeeds } from "../../qemu/harness/run-scenarios.ts";
import { SCENARIOS } from "../../qemu/harness/scenarios.ts";
import { DeviceApi } from "../../qemu/server/device-api.ts";
import { type DaemonFaults, ScriptedDaemon } from "./scripted-daemon.ts";
import { ScriptedDevice } from "./scripted-device.ts";

const signal = new AbortController().signal;
const QUIET = { begins: () => undefined, ended: () => undefined };
const ALL = managed([...SCENARIOS, powerCuts(6, 3, () => undefined)]);
const OFFERED = [{ name: "v2", deviceTypes: ["board"] }];

let api: DeviceApi;
beforeEach(async () => {
  api = await DeviceApi.start();
});
afterEach(() => api.close());

async function run(daemon: ScriptedDaemon, patienceMs: number, names?: readonly string[]): Promise<readonly Outcome[]> {
  const patience = { connectMs: patienceMs, updateMs: patienceMs, lookMs: 20 };
  const device = new ManagedDevice(daemon, api, OFFERED, patience);
  await device.reset();
  const outcomes = await runScenarios(device, withNeeds(ALL, names ?? ALL.map(({ name }) => name)), QUIET, signal);
  await device.cutPower();
  return outcomes;
}

test("on a sound device, every scenario holds with a daemon, and the server has been told everything", async () => {
  const outcomes = await run(new ScriptedDaemon(), 60_000);
  expect(outcomes.map(({ name, result, found }) => `${name} ${result}: ${found}`)).toEqual([
    "start held: Slot A runs with 'v1'. The server has accepted the device and got its inventory.",
    "install held: The Artifact is in slot B. The server was told: downloading, installing, rebooting.",
    expect.stringMatching(/^reboot held: Slot B runs on trial\.(?: The server was told: installing\.)?$/),
    expect.stringMatching(
      /^fallback held: The boot loader returned to slot A with 'v1'\. The server was told: (?:installing, )?failure, and got a log of 1 lines\.$/,
    ),
    expect.stringMatching(
      /^rollback held: The agent returned to slot A with 'v1'\. The server was told: .*installing\. It cancelled the deployment\.$/,
    ),
    expect.stringMatching(/^broken-image held: Slot B held zeros, .* failure, and got a log of 1 lines\.$/),
    expect.stringMatching(/^download-cut held: The agent resumed the download and installed the Artifact\. /),
    expect.stringMatching(/^commit held: Slot B runs with 'v2' after another reboot\. .*installing, success\.$/),
    expect.stringMatching(/^power-cuts held: 6 power cuts: \d rest on the new system, \d on the old one, 0 broken/),
  ]);
});

const FAULTY: readonly (readonly [DaemonFaults, Readonly<Record<string, Fault | "held" | "skipped">>])[] = [
  [{ neverAsks: true }, { start: "server-silence", install: "skipped" }],
  [{ sendsNoType: true }, { start: "server-untruth", install: "skipped" }],
  [{ sendsNoLog: true }, { reboot: "held", fallback: "server-untruth", commit: "held" }],
  [{ boasts: true }, { reboot: "held", fallback: "server-untruth", "broken-image": "server-untruth", commit: "held" }],
  [{ diesOnTrial: true }, { reboot: "held", fallback: "held", commit: "server-silence" }],
];

for (const [faults, expected] of FAULTY)
  test(`an agent that ${Object.keys(faults)[0]} is told by its fault`, async () => {
    const outcomes = await run(new ScriptedDaemon(faults), 2000, ["fallback", "broken-image", "commit"]);
    const results = Object.fromEntries(outcomes.map(({ name, result, fault }) => [name, fault ?? result]));
    expect(results).toMatchObject(expected);
    for (const { fault, evidence } of outcomes) if (fault === "server-silence") expect(evidence).toContain("log");
  });

test("a boot loader that never counts is told from what the agent reports", async () => {
  const daemon = new ScriptedDaemon({}, new ScriptedDevice({ countsNoBoots: true }));
  const outcomes = await run(daemon, 5000, ["fallback"]);
  expect(outcomes.at(-1)).toMatchObject({ name: "fallback", result: "failed", fault: "no-boot-counting" });
});
