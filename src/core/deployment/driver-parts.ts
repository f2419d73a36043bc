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
  /** The device has to be rebooted, by whoever runs the update, for what has been done to take effect. */
  readonly rebootRequired?: boolean;
  /** Somebody decides on the update, but can only keep it: not every payload can be rolled back. */
  readonly noWayBack?: true;
}

/**
 * Keeps what an effect has found out, or how far it has come, for its own repetition after a power cut and for the
 * states to come. Resolves when durable. No transition: an effect may keep as often as it likes.
 */
export type Keep = (found: Partial<Pick<Snapshot, "artifact" | "download">>) => Promise<void>;

/** Does the work of one state through the ports and takes no decision. Idempotent or reversible. */
export type Effect = (snapshot: Snapshot, signal: AbortSignal, keep: Keep) => Promise<EffectResult>;
export type Effects = Readonly<Record<EffectName, Effect>>;

/** What the driver did in one state. */
export interface Step {
  readonly state: StateName;
  readonly outcome: Outcome;
  readonly rebootRequired: boolean;
  readonly noWayBack?: true;
  /** What went wrong: why the outcome is `fail`, and failing scripts. */
  readonly errors: readonly AgentError[];
}

/** Runs the state scripts around an effect. */
export type Scripts = Pick<ScriptRunner, "run">;

/** Tells the server of a managed update its status, once; that it cannot be told is not worth more than a warning. */
export type ReportStatus = (s: Snapshot, status: DeploymentStatus, signal: AbortSignal) => Promise<"told" | "aborted">;

export interface DriverParts {
  readonly journal: Journal;
  readonly effects: Effects;
  readonly scripts: Scripts;
  /** Absent: only standalone updates are run. */
  readonly reportStatus?: ReportStatus;
  /**
   * Tries again what an update that is over could not undo. Runs at each start that finds no update.
   *
   * @throws {AgentError} when it fails once more
   */
  finishUndo?(signal: AbortSignal): Promise<void>;
  /** Hears of each step when it has ended. */
  onStep?(step: Step): void;
}
