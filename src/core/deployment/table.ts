import type { DeploymentStatus } from "../../ports/deployment-server.ts";
import type { ScriptState } from "../scripts/names.ts";

/**
 * The update as data: one row per state, one column per outcome. Standalone and managed updates use the same rows with
 * different entry points. The model in test/model explores the table exhaustively, and its mutants prove that the
 * exploration detects a wrong cell. docs/reference/states.md is generated from it.
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
 * How an effect ends. `ok`: done, or the answer yes. `no`: the answer no. `hold`: the update waits for a command (in a
 * standalone update the user reboots and decides). `fail`: a named failure. `abort`: the server has cancelled the
 * deployment.
 */
export type Outcome = "ok" | "no" | "hold" | "fail" | "abort";

/** A state, or `@state`: come to rest before it; a later command continues from there. */
export type Target = StateName | `@${StateName}`;

/** Where an update goes from a state. */
export interface Transitions {
  readonly ok?: Target;
  readonly no?: Target;
  readonly hold?: Target;
  readonly fail?: Target;
  readonly abort?: StateName;
  /** The next state if the agent starts and finds this state on disk, after a power cut or a crash. */
  readonly crash: StateName;
  /** The next state instead of `crash` while the download can resume (`DownloadRecord`); the update is unharmed. */
  readonly resumes?: StateName;
}

/** Other properties of a state. */
export interface Traits {
  /** Only managed updates use this state; a standalone update continues at its `ok` column. */
  readonly managed?: true;
  /**
   * The status that a managed update reports to the server before anything in this row runs. A failed report is
   * ignored. If the server answers that it has cancelled the deployment, nothing runs and the update continues at
   * `abort`.
   */
  readonly report?: DeploymentStatus;
  /** State whose Enter scripts run before the effect. */
  readonly enter?: ScriptState;
  /**
   * State whose Leave scripts run after an effect that does not `fail`; in a lenient row without Error scripts, also
   * after one that does.
   */
  readonly leave?: ScriptState;
  /** State whose Error scripts run when the effect, or a set around it, has failed. Their own failure has no effect. */
  readonly error?: ScriptState;
  /**
   * Failing Enter or Leave scripts do not fail the row: they leave damage (`NAME_INCONSISTENT`), and the update
   * continues. The Error scripts then run only after failing scripts, and not after a failing effect.
   */
  readonly lenient?: true;
  /** An interruption here makes the update fail. (Every `fail` and `abort` does.) */
  readonly crashFails?: true;
  /** `ok` means that the old software is restored: the device must record nothing new. */
  readonly restores?: true;
  /** `fail`, and `no` if the row has it, leave the device damaged: the agent records `NAME_INCONSISTENT`. */
  readonly breaks?: true;
  /** The result of the update is final before this state: a failure here does not change it. */
  readonly settled?: true;
}

/** The effect of a state has its name; `idle` has none. */
export type EffectName = Exclude<StateName, "idle">;

export interface Row extends Transitions, Traits {
  /** The effect to run: in the table, the state's own. */
  readonly run: EffectName;
}

/** One row for each state except `idle`, which does nothing. */
export type Table = Readonly<Record<EffectName, Row>>;

// biome-ignore format: one row per state and one column per outcome; the alignment is the point.
const TRANSITIONS = {
  download:             { ok: "install",              no: "saveProvides",                  fail: "cleanup",              abort: "cleanup",     crash: "cleanup",              resumes: "download" },
  install:              { ok: "askReboot",                                                 fail: "askRollback",          abort: "cleanup",     crash: "askRollback" },
  askReboot:            { ok: "reboot",               no: "reachServer",  hold: "@commit", fail: "askRollback",                                crash: "askRollback" },
  reboot:               { ok: "verifyReboot",                                              fail: "askRollback",          abort: "askRollback", crash: "verifyReboot" },
  verifyReboot:         { ok: "reachServer",                                               fail: "askRollback",                                crash: "askRollback" },
  reachServer:          { ok: "commit",                                                    fail: "askRollback",          abort: "askRollback", crash: "askRollback" },
  commit:               { ok: "commitLeave",                                               fail: "askRollback",                                crash: "askRollback" },
  commitLeave:          { ok: "saveProvides",                                              fail: "saveProvides",                               crash: "commitLeave" },
  askRollback:          { ok: "rollback",             no: "failure",                       fail: "failure",                                    crash: "askRollback" },
  rollback:             { ok: "askRollbackReboot",                                         fail: "failure",                                    crash: "rollback" },
  askRollbackReboot:    { ok: "rollbackReboot",       no: "failure",                       fail: "rollbackReboot",                             crash: "askRollbackReboot" },
  rollbackReboot:       { ok: "verifyRollbackReboot",                                      fail: "verifyRollbackReboot",                       crash: "verifyRollbackReboot" },
  verifyRollbackReboot: { ok: "failure",                                                   fail: "rollbackReboot",                             crash: "verifyRollbackReboot" },
  failure:              { ok: "saveProvides",                                              fail: "saveProvides",                               crash: "failure" },
  saveProvides:         { ok: "cleanup",                                                                                                       crash: "saveProvides" },
  cleanup:              { ok: "reportResult",                                              fail: "reportResult",                               crash: "cleanup" },
  reportResult:         { ok: "sendLog",              no: "idle",                          fail: "idle",                 abort: "idle",        crash: "reportResult" },
  sendLog:              { ok: "idle",                                                      fail: "idle",                                       crash: "sendLog" },
} as const satisfies Readonly<Record<EffectName, Transitions>>;

// biome-ignore format: one row per state and one column per trait.
const TRAITS = {
  download:             {                report: "downloading", enter: "Download",               leave: "Download",               error: "Download",                              crashFails: true },
  install:              {                report: "installing",  enter: "ArtifactInstall",        leave: "ArtifactInstall",        error: "ArtifactInstall",                       crashFails: true },
  askReboot:            {                                                                                                                                                         crashFails: true },
  reboot:               {                report: "rebooting",   enter: "ArtifactReboot",                                          error: "ArtifactReboot" },
  verifyReboot:         {                                                                        leave: "ArtifactReboot",         error: "ArtifactReboot",                        crashFails: true },
  reachServer:          { managed: true,                                                                                                                                          crashFails: true },
  commit:               {                                       enter: "ArtifactCommit",                                          error: "ArtifactCommit",                        crashFails: true },
  commitLeave:          {                                                                        leave: "ArtifactCommit",         error: "ArtifactCommit",                                                          breaks: true },
  askRollback:          {                                                                                                                                                                                           breaks: true },
  rollback:             {                                       enter: "ArtifactRollback",       leave: "ArtifactRollback",                                        lenient: true,                   restores: true, breaks: true },
  askRollbackReboot:    {},
  rollbackReboot:       {                                       enter: "ArtifactRollbackReboot",                                                                   lenient: true },
  verifyRollbackReboot: {                                                                        leave: "ArtifactRollbackReboot", error: "ArtifactRollbackReboot", lenient: true },
  failure:              {                                       enter: "ArtifactFailure",        leave: "ArtifactFailure",                                         lenient: true,                                   breaks: true },
  saveProvides:         {},
  cleanup:              {},
  reportResult:         { managed: true,                                                                                                                                                                                          settled: true },
  sendLog:              { managed: true },
} as const satisfies Readonly<Record<EffectName, Traits>>;

/** The update: the transitions and the traits of each state, and its effect. */
export const TABLE: Table = rowsOf(TRANSITIONS, TRAITS);

/** Limit of persisted transitions. An update that has not ended by then is given up. */
export const MAX_TRANSITIONS = 28;

/** What a user may request, and from which state on disk (`@`: at rest before it). */
export type EntryName = "commit" | "rollback";

/** `resume`: continue at the `crash` column. */
export type Entered = StateName | "resume";
export type Entries = Readonly<Record<EntryName, Readonly<Partial<Record<Target, Entered>>>>>;

/** The state that a command enters, by the state on disk. */
// biome-ignore format: a table.
export const ENTRIES = {
  commit:   { "@commit": "commit", commit: "resume" },
  rollback: { "@install": "askRollback", install: "askRollback", askReboot: "askRollback", "@commit": "askRollback",
              commit: "askRollback", askRollback: "askRollback", "@commitLeave": "askRollback", "@rollback": "rollback", rollback: "rollback" },
} as const satisfies Entries;

function rowsOf(transitions: Readonly<Record<EffectName, Transitions>>, traits: Readonly<Record<EffectName, Traits>>) {
  const row = (state: EffectName): Row => ({ run: state, ...transitions[state], ...traits[state] });
  const states = STATES.filter((state) => state !== "idle");
  return Object.fromEntries(states.map((state) => [state, row(state)])) as Record<EffectName, Row>;
}
