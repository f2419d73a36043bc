import type { Fault } from "./faults.ts";

/** What came of one check or scenario. */
export interface Outcome {
  readonly name: string;
  /** What must hold. */
  readonly promise: string;
  readonly result: "held" | "failed" | "skipped";
  /** What was found, in words. */
  readonly found: string;
  readonly fault?: Fault;
  readonly advice?: string;
  /** Lines of the console or of the agent. */
  readonly evidence?: string;
  readonly seconds: number;
}

/** The result of a whole test, which is also the object that `--json` prints. New versions may add keys. */
export interface TestReport {
  readonly image: string;
  readonly artifact: string;
  readonly agent: string;
  /** Whether the agent was a daemon of the harness's server. */
  readonly server: boolean;
  /** Seed of the instants of the power cuts. */
  readonly seed: number;
  readonly ok: boolean;
  readonly outcomes: readonly Outcome[];
}
