import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { doesFail, typeOf } from "../../fleet/simulate/failures.ts";

const failuresOf = (failures: number, devices: number, deployment: string): number[] =>
  Array.from({ length: devices }, (_, n) => n).filter((n) => doesFail({ seed: "s", failures }, deployment, n));

test("in each deployment, the share of failures is close to what was asked for, and other devices fail", () => {
  const deployments = Array.from({ length: 1000 }, () => randomUUID());
  for (const [share, devices, least, most] of [
    [0.5, 5, 1, 4],
    [0.05, 1000, 45, 55],
    [0.08, 10_000, 790, 810],
    [0, 100, 0, 0],
    [1, 100, 100, 100],
  ] as const)
    for (const deployment of devices > 1000 ? deployments.slice(0, 20) : deployments) {
      const { length } = failuresOf(share, devices, deployment);
      expect(length, `${share} of ${devices}`).toBeGreaterThanOrEqual(least);
      expect(length, `${share} of ${devices}`).toBeLessThanOrEqual(most);
    }
  const sets = new Set(deployments.map((deployment) => failuresOf(0.05, 100, deployment).join()));
  expect(sets.size).toBeGreaterThan(50);
  expect(failuresOf(0.05, 100, "one")).toEqual(failuresOf(0.05, 100, "one"));
});

test("as many devices are of another type as was asked for, always the same ones", () => {
  const types = (seed: string, devices: number): string[] =>
    Array.from({ length: devices }, (_, n) => typeOf({ seed, deviceType: "a", otherTypes: { b: 0.08, c: 0.02 } }, n));
  for (const seed of ["1", "2", "x"]) {
    const all = types(seed, 10_000);
    expect(Math.abs(all.filter((one) => one === "b").length - 800), seed).toBeLessThanOrEqual(10);
    expect(Math.abs(all.filter((one) => one === "c").length - 200), seed).toBeLessThanOrEqual(10);
    expect(types(seed, 100)).toEqual(all.slice(0, 100));
  }
  expect(typeOf({ seed: "1", deviceType: "a" }, 5)).toBe("a");
});
