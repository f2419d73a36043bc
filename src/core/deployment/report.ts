import type { AgentError } from "../../errors/agent-error.ts";
import type { Run } from "./driver.ts";
import type { Outcome, StateName } from "./table.ts";

export type StandaloneCommand = "install" | "commit" | "rollback" | "resume";

/** The result of a standalone command: lines for stdout (scripts parse them), and the exit status. */
export interface Report {
  readonly lines: readonly string[];
  readonly exitCode: 0 | 1 | 4;
  /** In order of occurrence: the first is the cause, the others happened during the rollback. */
  readonly errors: readonly AgentError[];
}

const INSTALLED = "Installed, but not committed.\nUse 'commit' to update, or 'rollback' to roll back the update.";
const ONLY_COMMIT =
  "Installed, but not committed.\nUse 'commit' to update. There is no way back: not every payload supports rollback.";
const EMPTY_COMMIT = "Artifact with empty payload. Committing immediately.";
const NO_ROLLBACK_COMMIT = "Update Module doesn't support rollback. Committing immediately.";
const ROLLBACK_FAILED = "Rollback failed. System may be in an inconsistent state.";
const NO_ROLLBACK = "Update Module does not support rollback. System may be in an inconsistent state.";
const POST_COMMIT_FAILED = "One or more post-commit steps failed.";
const REBOOT = "At least one payload requested a reboot of the device it updated.";

/**
 * Describes a run in the words of the newest Mender client. Exit status 4 needs `rebootExitCode`. A `commit` that does
 * not end in a commit is a failure.
 */
export function reportRun(command: StandaloneCommand, run: Run, rebootExitCode: boolean): Report {
  const had = (state: StateName, outcome: Outcome): boolean =>
    run.steps.some((step) => step.state === state && step.outcome === outcome);
  const committed = had("commit", "ok") || had("download", "no");
  const cleanupFailed = had("cleanup", "fail");
  const postCommitFailed = had("commitLeave", "fail");
  const failed = run.steps.some((step) => step.outcome === "fail");
  const wentWrong = failed || run.steps.some((step) => step.errors.length > 0);
  const rebootRequired = run.steps.some((step) => step.rebootRequired);
  const noWayBack = run.steps.some((step) => step.noWayBack);
  const isHeld = run.snapshot.phase === "before";
  const autoCommit = had("askReboot", "no") && run.snapshot.mode === "standalone";

  // After a rollback, the newest client requests no reboot. Switchback does, on a separate line.
  const undone = run.snapshot.rolledBack || run.steps.some(({ state }) => state === "rollback");
  const after = [
    ...aftermath(run, had),
    ...(postCommitFailed ? [POST_COMMIT_FAILED] : []),
    ...(cleanupFailed ? ["Cleanup failed."] : []),
    ...(rebootRequired && !undone ? [REBOOT] : []),
  ];
  const lines = [
    ...(had("download", "no") ? [EMPTY_COMMIT] : []),
    ...(autoCommit && (committed || failed) ? [NO_ROLLBACK_COMMIT] : []),
    ...(failed && !cleanupFailed && !postCommitFailed
      ? attempted(had)
      : done(run, had, noWayBack ? ONLY_COMMIT : INSTALLED)),
    // The newest client prints all its remarks on one line.
    ...(after.length > 0 ? [after.join(" ")] : []),
    ...(rebootRequired && undone ? [REBOOT] : []),
  ];
  const bad = wentWrong || (command === "commit" && !committed && !isHeld);
  const exitCode = bad ? 1 : rebootRequired && rebootExitCode ? 4 : 0;
  return { lines, exitCode, errors: run.steps.flatMap((step) => step.errors) };
}

type Had = (state: StateName, outcome: Outcome) => boolean;

function attempted(had: Had): string[] {
  if (had("download", "fail")) return ["Streaming failed."];
  if (had("install", "fail")) return ["Installation failed."];
  if (had("commit", "fail")) return ["Committing failed."];
  return [];
}

/** In this run, or in an earlier run that stopped during the rollback. */
const wasRolledBack = ({ snapshot }: Run, had: Had): boolean =>
  !snapshot.inconsistent && (had("rollback", "ok") || snapshot.rolledBack);

function done(run: Run, had: Had, held: string): string[] {
  const installed = had("install", "ok");
  const committed = had("commit", "ok");
  if (had("download", "no") || (installed && committed)) return ["Installed and committed."];
  if (committed) return ["Committed."];
  if (installed) return held.split("\n");
  if (had("download", "ok")) return ["Streamed to storage, but not installed/enabled."];
  const onlyCleaned = had("cleanup", "ok") && !had("failure", "ok") && !wasRolledBack(run, had);
  return onlyCleaned ? ["Cleaned up."] : [];
}

function aftermath(run: Run, had: Had): string[] {
  if (had("commitLeave", "fail")) return [];
  if (run.snapshot.inconsistent) return [had("askRollback", "no") ? NO_ROLLBACK : ROLLBACK_FAILED];
  if (had("download", "fail")) return ["System not modified."];
  return wasRolledBack(run, had) ? ["Rolled back."] : [];
}
