import type { AgentError } from "../../errors/agent-error.ts";
import type { DeploymentStatus } from "../../ports/deployment-server.ts";
import type { StoreChanges } from "../../ports/store.ts";
import type { ScriptRunner } from "../scripts/runner.ts";
import type { Journal } from "./journal.ts";
import type { Snapshot } from "./snapshot.ts";
import type { EffectName, Outcome, StateName } from "./table.ts";

export interface EffectResult {
  readonly outcome: Outcome;
  /** Saved in one transaction with the next snapshot. */
  readonly changes?: StoreChanges;
  /** The user must reboot the device for the work of this effect to take effect. */
  readonly rebootRequired?: boolean;
  /** The user decides on the update but can only commit it: not every payload supports rollback. */
  readonly noWayBack?: true;
}

/**
 * Saves what an effect has found, or how far it has come, for its repetition after a power cut and for later states.
 * Resolves when durable. It does not count as a transition: an effect may call it any number of times.
 */
export type Keep = (found: Partial<Pick<Snapshot, "artifact" | "download">>) => Promise<void>;

/** Does the work of one state through the ports and makes no decisions. Idempotent or reversible. */
export type Effect = (snapshot: Snapshot, signal: AbortSignal, keep: Keep) => Promise<EffectResult>;
export type Effects = Readonly<Record<EffectName, Effect>>;

/** What the driver did in one state. */
export interface Step {
  readonly state: StateName;
  readonly outcome: Outcome;
  readonly rebootRequired: boolean;
  readonly noWayBack?: true;
  /** The failures: the reason for the outcome `fail`, and failing scripts. */
  readonly errors: readonly AgentError[];
}

/** Runs the state scripts around an effect. */
export type Scripts = Pick<ScriptRunner, "run">;

/** Reports a status of a managed update to the server, once. A failed report causes only a warning. */
export type ReportStatus = (s: Snapshot, status: DeploymentStatus, signal: AbortSignal) => Promise<"told" | "aborted">;

export interface DriverParts {
  readonly journal: Journal;
  readonly effects: Effects;
  readonly scripts: Scripts;
  /** Absent: the agent runs only standalone updates. */
  readonly reportStatus?: ReportStatus;
  /**
   * Retries what a finished update could not undo. Runs at each start that finds no update.
   *
   * @throws {AgentError} when it fails again
   */
  finishUndo?(signal: AbortSignal): Promise<void>;
  /** Called after each step. */
  onStep?(step: Step): void;
}
