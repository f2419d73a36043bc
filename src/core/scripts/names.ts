/** The source of a state's scripts: the device's root file system, or the Artifact being installed. */
export type ScriptOrigin = "rootfs" | "artifact";

const ORIGINS = {
  Idle: "rootfs",
  Sync: "rootfs",
  Download: "rootfs",
  ArtifactInstall: "artifact",
  ArtifactReboot: "artifact",
  ArtifactCommit: "artifact",
  ArtifactRollback: "artifact",
  ArtifactRollbackReboot: "artifact",
  ArtifactFailure: "artifact",
} as const satisfies Readonly<Record<string, ScriptOrigin>>;

export type ScriptState = keyof typeof ORIGINS;
export type ScriptAction = "Enter" | "Leave" | "Error";

export interface ScriptName {
  readonly state: ScriptState;
  readonly action: ScriptAction;
  /** The two digits, `00` to `99`. */
  readonly order: string;
}

/**
 * The folder depends only on the state: a script in the other folder never runs.
 */
export const originOf = (state: ScriptState): ScriptOrigin => ORIGINS[state];

/** Matches the whole name, so that `ArtifactRollback` never matches a script of `ArtifactRollbackReboot`. */
const NAME = new RegExp(`^(${Object.keys(ORIGINS).join("|")})_(Enter|Leave|Error)_([0-9]{2})(?:_\\S+)?$`);

/**
 * `<State>_<Action>_<NN>[_<text without whitespace>]`; `undefined` for any other name, which never runs.
 */
export function parseScriptName(name: string): ScriptName | undefined {
  const [, state, action, order = ""] = NAME.exec(name) ?? [];
  if (state === undefined) return undefined;
  return { state: state as ScriptState, action: action as ScriptAction, order };
}
