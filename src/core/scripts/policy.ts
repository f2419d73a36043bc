import type { ScriptAction, ScriptState } from "./names.ts";

/** `stop`: nothing after the first script that fails. `all`: every script runs, and then the set fails. */
export type SetPolicy = "stop" | "all";

/**
 * What a failing script means for the rest of its set. Sets that only tell of a failure, or that belong to a state
 * which is gone through whatever happens, run whole: a device on its way back needs each of its scripts.
 *
 * @see spec "state-scripts", section 6
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
