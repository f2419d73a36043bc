import type { ScriptAction, ScriptState } from "./names.ts";

/** `stop`: stop at the first script that fails. `all`: run every script, and then fail the set. */
export type SetPolicy = "stop" | "all";

/**
 * What a failing script means for the rest of its set. A set runs completely if it only reports a failure, or if its
 * state continues in any case: a device that rolls back needs each of its scripts.
 */
export const SET_POLICY: Readonly<Record<ScriptState, Readonly<Record<ScriptAction, SetPolicy>>>> = {
  Idle: { Enter: "all", Leave: "all", Error: "all" },
  Sync: { Enter: "stop", Leave: "stop", Error: "all" },
  Download: { Enter: "stop", Leave: "stop", Error: "all" },
  ArtifactInstall: { Enter: "stop", Leave: "stop", Error: "all" },
  ArtifactReboot: { Enter: "stop", Leave: "stop", Error: "all" },
  ArtifactCommit: { Enter: "stop", Leave: "stop", Error: "all" },
  ArtifactRollback: { Enter: "all", Leave: "all", Error: "all" },
  ArtifactRollbackReboot: { Enter: "all", Leave: "all", Error: "all" },
  ArtifactFailure: { Enter: "all", Leave: "all", Error: "all" },
};
