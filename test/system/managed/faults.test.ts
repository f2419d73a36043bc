import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MEMORY_FOLDER, TestBoard } from "../../support/test-board.ts";
import { VirtualDevice } from "./device.ts";
import { type Fault, FaultyServers } from "./faults.ts";
import { STEPS, type Step } from "./network.ts";

/**
 * What a device ends up with when a server, or the way to it, is broken at one step of a deployment, as long as one
 * life of the agent lasts, and is right after that.
 *
 * `v2`: the new system runs, and the server knows. `v1`: the old one does, and the server has the failure and its log.
 * `v1-`: it has no log. `v2+`: the server has heard of the success only after it had offered the deployment again.
 * `v2-`: the server has called the deployment off before it heard of the success.
 */
// biome-ignore format: one row per fault and one column per step; the alignment is the point.
const LASTING: Readonly<Record<Fault, string>> = {
  //                               authorise inventory poll downloading download installing rebooting reach final log
  "refused":                      "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "no such host":                 "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "certificate expired":          "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "certificate for another host": "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "reset in header":              "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "reset in body":                "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "stalled":                      "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "slow header":                  "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "garbage":                      "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "too short":                    "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "too long":                     "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "redirects in a circle":        "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "401":                          "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "403, an expired link":         "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "409":                          "v2        v2        v2   v1          v1       v1         v1        v1    v2-   v1-",
  "429 for 9 s":                  "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "429 until a date":             "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
  "500":                          "v2        v2        v2   v2          v1       v2         v2        v1    v2+   v1-",
};

/** Differences if the fault affects only one request; all other cells are as above. */
// biome-ignore format: as above.
const PASSING: Readonly<Partial<Record<Fault, Readonly<Partial<Record<Step, string>>>>>> = {
  "refused":         { download: "v2", reach: "v2", final: "v2", log: "v1" },
  "reset in header": { download: "v2", reach: "v2", final: "v2", log: "v1" },
  "reset in body":   { download: "v2", reach: "v2", final: "v2", log: "v1" },
  "slow header":     { download: "v2", reach: "v2", final: "v2", log: "v1" },
  "too short":       { download: "v1", reach: "v2", final: "v2", log: "v1" },
  "401":             { download: "v1", reach: "v2", final: "v2", log: "v1" },
  "409":             { download: "v1", reach: "v1", final: "v2-", log: "v1" },
  "429 for 9 s":     { download: "v2", reach: "v2", final: "v2", log: "v1" },
};

let faulty: FaultyServers;
const artifacts = new Map<string, Buffer>();
beforeAll(async () => {
  const board = await TestBoard.make({ parent: MEMORY_FOLDER });
  for (const boots of ["yes", "hangs"] as const)
    artifacts.set(boots, await readFile(await board.release("v2", boots, {}, 64)));
  await board.remove();
  faulty = await FaultyServers.open(artifacts.get("yes") ?? Buffer.alloc(0));
});
afterAll(() => faulty.close());

for (const [fault, row] of Object.entries(LASTING) as [Fault, string][]) {
  test(`a device comes out well of any step at which its server is broken: ${fault}`, async () => {
    const cells = row.split(/ +/);
    expect(cells.length).toBe(STEPS.length);
    const found: Partial<Record<Step, string>> = {};
    for (const step of STEPS) found[step] = await endOf(fault, step, Number.POSITIVE_INFINITY);
    expect(found).toEqual(Object.fromEntries(STEPS.map((step, index) => [step, cells[index]])));
  });
}

for (const [fault, cells] of Object.entries(PASSING) as [Fault, Partial<Record<Step, string>>][]) {
  test(`one broken answer costs no more than it must: ${fault}`, async () => {
    const found: Partial<Record<Step, string>> = {};
    for (const step of Object.keys(cells) as Step[]) found[step] = await endOf(fault, step, 1);
    expect(found).toEqual(cells);
  });
}

test("if the server keeps postponing the commit by an hour, the device leaves the new system after some hours", async () => {
  const device = await VirtualDevice.make({
    ...{ artifact: artifacts.get("yes") ?? Buffer.alloc(0), trustedCerts: faulty.trustedCerts, callsOff: false },
  });
  try {
    device.network.break("reach", faulty.astray("429 until a date"), Number.POSITIVE_INFINITY);
    const hours: number[] = [];
    await device.liveToRest(() => hours.push(device.clock.monotonicMs() / 3_600_000));
    // The life that installs, and the life that waits for the server: four hours, then 36 to 72 minutes.
    const [installed = Number.NaN, rolledBack = Number.NaN] = hours;
    expect(installed).toBeLessThan(0.1);
    expect(rolledBack - installed).toBeGreaterThanOrEqual(4.6);
    expect(rolledBack - installed).toBeLessThan(5.3);
    expect(device.statuses).toEqual(["downloading", "installing", "rebooting", "failure"]);
    expect(await device.board.status()).toMatchObject({ running: "A", trial: false });
  } finally {
    await device.remove();
  }
});

/** Makes a deployment, and returns a short form of its result. */
async function endOf(fault: Fault, step: Step, times: number): Promise<string> {
  // The agent sends a log only after a failure.
  const artifact = artifacts.get(step === "log" ? "hangs" : "yes") ?? Buffer.alloc(0);
  const callsOff = fault === "409" && ["downloading", "installing", "rebooting", "reach", "final"].includes(step);
  const device = await VirtualDevice.make({ artifact, trustedCerts: faulty.trustedCerts, callsOff });
  const { board, network } = device;
  try {
    network.break(step, faulty.astray(fault), times);
    await device.liveToRest(() => {
      if (network.met > 0) network.heal();
    });
    expect(network.met, "the fault was met").toBeGreaterThan(0);
    const [name] = (await board.agent("show-artifact")).out;
    const { running, trial, slots } = await board.status();
    expect([trial, slots[running ?? "A"]]).toMatchObject([false, { kind: "complete", version: name }]);
    return `${name}${device.remark()}`;
  } finally {
    await device.remove();
  }
}
