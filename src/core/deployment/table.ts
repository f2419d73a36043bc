import type { DeploymentStatus } from "../../ports/deployment-server.ts";
import type { ScriptState } from "../scripts/names.ts";

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
  "reachServer",
  "commit",
  "commitLeave",
  "askRollback",
  "rollback",
  "askRollbackReboot",
  "rollbackReboot",
  "verifyRollbackReboot",
  "failure",
  "saveProvides",
  "cleanup",
  "reportResult",
  "sendLog",
] as const;
export type StateName = (typeof STATES)[number];

/**
 * How an effect ends. `ok`: done, or yes. `no`: a question's other answer. `hold`: somebody else goes on
 * from here (in a standalone update the user reboots and decides). `fail`: a named failure. `abort`: the server has
 * called the deployment off.
 */
export type Outcome = "ok" | "no" | "hold" | "fail" | "abort";

/** A state, or `@state`: come to rest before it; a later command goes on from there. */
export type Target = StateName | `@${StateName}`;

export interface Row {
  readonly run: EffectName;
  /** Only a managed update comes here; a standalone one goes on at `ok` at once. */
  readonly managed?: true;
  /**
   * What the server of a managed update is told before anything of this row runs. That it cannot be told is ignored;
   * when it answers that the deployment has been called off, nothing runs and `abort` says where to go.
   */
  readonly report?: DeploymentStatus;
  /** State whose Enter scripts run before the effect. */
  readonly enter?: ScriptState;
  /**
   * State whose Leave scripts run after the effect has ended in anything but `fail`; after that, too, in a lenient row
   * without Error scripts.
   */
  readonly leave?: ScriptState;
  /** State whose Error scripts run when the effect, or a set around it, has failed. Their own failure changes nothing. */
  readonly error?: ScriptState;
  /**
   * A failing set of Enter or Leave scripts does not fail the row: it leaves damage (`NAME_INCONSISTENT`), and
   * the way goes on. The Error scripts then follow a failing set only, and no failing effect.
   */
  readonly lenient?: true;
  readonly ok?: Target;
  readonly no?: Target;
  readonly hold?: Target;
  readonly fail?: Target;
  readonly abort?: StateName;
  /** Where to go on when the agent starts and finds this state on disk: the power failed, or it was killed. */
  readonly crash: StateName;
  /** Where to go on instead, the update unharmed, while a download can be resumed (`DownloadRecord`). */
  readonly resumes?: StateName;
  /** The update has failed when it is cut off here. (It has failed after every `fail` and `abort`.) */
  readonly crashFails?: true;
  /** `ok` means that the old software is back: nothing new is to be recorded. */
  readonly restores?: true;
  /** `fail`, and `no` where the row has one, leave the device damaged: `NAME_INCONSISTENT` is recorded. */
  readonly breaks?: true;
  /** How the update has ended is settled before this state: what goes wrong in it changes nothing of that. */
  readonly settled?: true;
}

export type EffectName =
  | "streamPayload"
  | "installPayload"
  | "needsReboot"
  | "reboot"
  | "verifyReboot"
  | "reachServer"
  | "commitPayload"
  | "leaveCommit"
  | "supportsRollback"
  | "rollbackPayload"
  | "needsRollbackReboot"
  | "rollbackReboot"
  | "verifyRollbackReboot"
  | "reportFailure"
  | "saveProvides"
  | "cleanUp"
  | "reportResult"
  | "sendLog";

/** Rows of the states that do something; `idle` does nothing and has none. */
export type Table = Readonly<Record<Exclude<StateName, "idle">, Row>>;

// biome-ignore format: one row per state and one column per outcome; the alignment is the point.
export const TABLE = {
  download:             { run: "streamPayload",        ok: "install",              no: "saveProvides",                  fail: "cleanup",              crash: "cleanup",              crashFails: true,
                          report: "downloading", abort: "cleanup",     resumes: "download",
                          enter: "Download", leave: "Download", error: "Download" },
  install:              { run: "installPayload",       ok: "askReboot",                                                 fail: "askRollback",          crash: "askRollback",          crashFails: true,
                          report: "installing",  abort: "cleanup",
                          enter: "ArtifactInstall", leave: "ArtifactInstall", error: "ArtifactInstall" },
  askReboot:            { run: "needsReboot",          ok: "reboot",               no: "reachServer",  hold: "@commit", fail: "askRollback",          crash: "askRollback",          crashFails: true },
  reboot:               { run: "reboot",               ok: "verifyReboot",                                              fail: "askRollback",          crash: "verifyReboot",
                          report: "rebooting",   abort: "askRollback",
                          enter: "ArtifactReboot", error: "ArtifactReboot" },
  verifyReboot:         { run: "verifyReboot",         ok: "reachServer",                                               fail: "askRollback",          crash: "askRollback",          crashFails: true,
                          leave: "ArtifactReboot", error: "ArtifactReboot" },
  reachServer:          { run: "reachServer",          ok: "commit",                                                    fail: "askRollback",          crash: "askRollback",          crashFails: true,
                          managed: true,         abort: "askRollback" },
  commit:               { run: "commitPayload",        ok: "commitLeave",                                               fail: "askRollback",          crash: "askRollback",          crashFails: true,
                          enter: "ArtifactCommit", error: "ArtifactCommit" },
  commitLeave:          { run: "leaveCommit",          ok: "saveProvides",                                              fail: "saveProvides",         crash: "commitLeave",          breaks: true,
                          leave: "ArtifactCommit", error: "ArtifactCommit" },
  askRollback:          { run: "supportsRollback",     ok: "rollback",             no: "failure",                       fail: "failure",              crash: "askRollback",          breaks: true },
  rollback:             { run: "rollbackPayload",      ok: "askRollbackReboot",                                         fail: "failure",              crash: "rollback",             breaks: true, restores: true,
                          enter: "ArtifactRollback", leave: "ArtifactRollback", lenient: true },
  askRollbackReboot:    { run: "needsRollbackReboot",  ok: "rollbackReboot",       no: "failure",                       fail: "rollbackReboot",       crash: "askRollbackReboot" },
  rollbackReboot:       { run: "rollbackReboot",       ok: "verifyRollbackReboot",                                      fail: "verifyRollbackReboot", crash: "verifyRollbackReboot",
                          enter: "ArtifactRollbackReboot", lenient: true },
  verifyRollbackReboot: { run: "verifyRollbackReboot", ok: "failure",                                                   fail: "rollbackReboot",       crash: "verifyRollbackReboot",
                          leave: "ArtifactRollbackReboot", error: "ArtifactRollbackReboot", lenient: true },
  failure:              { run: "reportFailure",        ok: "saveProvides",                                              fail: "saveProvides",         crash: "failure",              breaks: true,
                          enter: "ArtifactFailure", leave: "ArtifactFailure", lenient: true },
  saveProvides:         { run: "saveProvides",         ok: "cleanup",                                                                                 crash: "saveProvides" },
  cleanup:              { run: "cleanUp",              ok: "reportResult",                                              fail: "reportResult",         crash: "cleanup" },
  reportResult:         { run: "reportResult",         ok: "sendLog",              no: "idle",                          fail: "idle",                 crash: "reportResult",
                          managed: true,         abort: "idle",        settled: true },
  sendLog:              { run: "sendLog",              ok: "idle",                                                      fail: "idle",                 crash: "sendLog",
                          managed: true },
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
              commit: "askRollback", askRollback: "askRollback", "@commitLeave": "askRollback", "@rollback": "rollback", rollback: "rollback" },
} as const satisfies Entries;
