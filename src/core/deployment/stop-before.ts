import type { StateName } from "./table.ts";

/** The names that `--stop-before` accepts, and their rows. */
export const STOP_BEFORE = {
  ArtifactInstall_Enter: "install",
  ArtifactCommit_Enter: "commit",
  ArtifactCommit_Leave: "commitLeave",
  ArtifactRollback_Enter: "rollback",
  ArtifactFailure_Enter: "failure",
  Cleanup: "cleanup",
} as const satisfies Readonly<Record<string, StateName>>;

export type StopBefore = keyof typeof STOP_BEFORE;
