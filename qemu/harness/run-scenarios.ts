import type { TestedDevice } from "./device.ts";
import { FAULTS, ScenarioFailure } from "./faults.ts";
import type { Outcome } from "./outcome.ts";
import { Course, type Scenario } from "./scenarios.ts";

/** Tells how far a test is. */
export interface Progress {
  begins(name: string, promise: string): void;
  ended(outcome: Outcome): void;
}

/**
 * Runs scenarios one after the other. Each begins where the one before has ended; after a failure, the next one begins
 * with a new copy of the image.
 */
export async function runScenarios(
  device: TestedDevice,
  scenarios: readonly Scenario[],
  { begins, ended }: Progress,
  signal: AbortSignal,
  now: () => number = () => performance.now(),
): Promise<readonly Outcome[]> {
  const course = new Course(device);
  const outcomes: Outcome[] = [];
  const add = (outcome: Outcome): void => {
    outcomes.push(outcome);
    ended(outcome);
  };
  for (const { name, promise, needs, run } of scenarios) {
    signal.throwIfAborted();
    const missing = needs.find((need) => outcomes.some((each) => each.name === need && each.result !== "held"));
    if (missing !== undefined) {
      add({ name, promise, result: "skipped", found: `Not run, because '${missing}' did not hold.`, seconds: 0 });
      continue;
    }
    begins(name, promise);
    const start = now();
    const seconds = (): number => Math.round((now() - start) / 100) / 10;
    try {
      const found = [await run(course), device.account?.() ?? []].flat().join(" ");
      add({ name, promise, result: "held", found, seconds: seconds() });
    } catch (error) {
      signal.throwIfAborted();
      add(failed(name, promise, error, seconds()));
      await course.abandon();
    }
  }
  return outcomes;
}

function failed(name: string, promise: string, error: unknown, seconds: number): Outcome {
  const fault = error instanceof ScenarioFailure ? error.fault : "harness";
  const found = error instanceof Error ? error.message : String(error);
  const evidence = error instanceof ScenarioFailure ? error.evidence : "";
  return {
    ...{ name, promise, result: "failed", found, fault, advice: FAULTS[fault], seconds },
    ...(evidence !== "" && { evidence }),
  };
}

/** The chosen scenarios with everything that they need, in the usual order. */
export function withNeeds(all: readonly Scenario[], chosen: readonly string[]): readonly Scenario[] {
  const wanted = new Set(chosen);
  for (const { name, needs } of all.toReversed()) if (wanted.has(name)) for (const need of needs) wanted.add(need);
  return all.filter(({ name }) => wanted.has(name));
}
