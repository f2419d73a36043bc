/**
 * The update as data: one row per state, one column per outcome. Standalone and managed updates are the
 * same rows with other entry points. The model in test/model explores it exhaustively and its mutants
 * prove that the exploration notices a wrong cell; docs/reference/states.md is generated from it.
 *
 * @see spec "agent-states", sections 3 to 5, and "update-modules", section 7
 */
export const STATES = [
  "idle",
  "download",
  "install",
  "askReboot",
  "reboot",
  "verifyReboot",
  "commit",
  "askRollback",
  "rollback",
  "askRollbackReboot",
  "rollbackReboot",
  "verifyRollbackReboot",
  "failure",
  "saveProvides",
  "cleanup",
] as const;
export type StateName = (typeof STATES)[number];

/**
 * How an effect ends. `ok`: done, or yes. `no`: a question's other answer. `hold`: somebody else goes on
 * from here (in a standalone update the user reboots and decides). `fail`: a named failure.
 */
export type Outcome = "ok" | "no" | "hold" | "fail";

/** A state, or `@state`: come to rest before it; a later command goes on from there. */
export type Target = StateName | `@${StateName}`;

export interface Row {
  readonly run: EffectName;
  readonly ok?: Target;
  readonly no?: Target;
  readonly hold?: Target;
  readonly fail?: Target;
  /** Where to go on when the agent starts and finds this state on disk: the power failed, or it was killed. */
  readonly crash: StateName;
  /** The update has failed when it is cut off here. (It has failed after every outcome `fail`.) */
  readonly crashFails?: true;
  /** `ok` means that the old software is back: nothing new is to be recorded. */
  readonly restores?: true;
  /** `fail`, and `no` where the row has one, leave the device damaged: `NAME_INCONSISTENT` is recorded. */
  readonly breaks?: true;
}

export type EffectName =
  | "streamPayload"
  | "installPayload"
  | "needsReboot"
  | "reboot"
  | "verifyReboot"
  | "commitPayload"
  | "supportsRollback"
  | "rollbackPayload"
  | "needsRollbackReboot"
  | "rollbackReboot"
  | "verifyRollbackReboot"
  | "reportFailure"
  | "saveProvides"
  | "cleanUp";

/** Rows of the states that do something; `idle` does nothing and has none. */
export type Table = Readonly<Record<Exclude<StateName, "idle">, Row>>;

// biome-ignore format: one row per state and one column per outcome; the alignment is the point.
export const TABLE = {
  download:             { run: "streamPayload",        ok: "install",           no: "saveProvides",              fail: "cleanup",              crash: "cleanup",              crashFails: true },
  install:              { run: "installPayload",       ok: "askReboot",                                          fail: "askRollback",          crash: "askRollback",          crashFails: true },
  askReboot:            { run: "needsReboot",          ok: "reboot",            no: "commit",  hold: "@commit",  fail: "askRollback",          crash: "askRollback",          crashFails: true },
  reboot:               { run: "reboot",                                                                         fail: "askRollback",          crash: "verifyReboot" },
  verifyReboot:         { run: "verifyReboot",         ok: "commit",                                             fail: "askRollback",          crash: "askRollback",          crashFails: true },
  commit:               { run: "commitPayload",        ok: "saveProvides",                                       fail: "askRollback",          crash: "askRollback",          crashFails: true },
  askRollback:          { run: "supportsRollback",     ok: "rollback",          no: "failure",                   fail: "failure",              crash: "askRollback",          breaks: true },
  rollback:             { run: "rollbackPayload",      ok: "askRollbackReboot",                                  fail: "failure",              crash: "rollback",             breaks: true, restores: true },
  askRollbackReboot:    { run: "needsRollbackReboot",  ok: "rollbackReboot",    no: "failure",                   fail: "rollbackReboot",       crash: "askRollbackReboot" },
  rollbackReboot:       { run: "rollbackReboot",                                                                 fail: "verifyRollbackReboot", crash: "verifyRollbackReboot" },
  verifyRollbackReboot: { run: "verifyRollbackReboot", ok: "failure",                                            fail: "rollbackReboot",       crash: "verifyRollbackReboot" },
  failure:              { run: "reportFailure",        ok: "saveProvides",                                       fail: "saveProvides",         crash: "failure",              breaks: true },
  saveProvides:         { run: "saveProvides",         ok: "cleanup",                                                                          crash: "saveProvides" },
  cleanup:              { run: "cleanUp",              ok: "idle",                                               fail: "idle",                 crash: "cleanup" },
} as const satisfies Table;

/** Persisted transitions after which an update that does not come to an end is given up. */
export const MAX_TRANSITIONS = 28;

/** What a person or a server may ask for, and from which state on disk (`@`: at rest before it). */
export type EntryName = "commit" | "rollback";

/** `resume`: where the `crash` column says. */
export type Entered = StateName | "resume";
export type Entries = Readonly<Record<EntryName, Readonly<Partial<Record<Target, Entered>>>>>;

/** Where a command enters, by the state on disk. */
// biome-ignore format: a table.
export const ENTRIES = {
  commit:   { "@commit": "commit", commit: "resume" },
  rollback: { "@install": "askRollback", install: "askRollback", askReboot: "askRollback", "@commit": "askRollback",
              commit: "askRollback", askRollback: "askRollback", "@saveProvides": "askRollback", "@rollback": "rollback", rollback: "rollback" },
} as const satisfies Entries;

/** Names that `--stop-before` takes, and the rows they mean. @see spec "config-and-cli", section 6 */
export const STOP_BEFORE = {
  ArtifactInstall_Enter: "install",
  ArtifactCommit_Enter: "commit",
  ArtifactCommit_Leave: "saveProvides",
  ArtifactRollback_Enter: "rollback",
  ArtifactFailure_Enter: "failure",
  Cleanup: "cleanup",
} as const satisfies Readonly<Record<string, StateName>>;

export type StopBefore = keyof typeof STOP_BEFORE;
