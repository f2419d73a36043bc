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

/** Where an update goes from a state. */
export interface Transitions {
  readonly ok?: Target;
  readonly no?: Target;
  readonly hold?: Target;
  readonly fail?: Target;
  readonly abort?: StateName;
  /** Where to go on when the agent starts and finds this state on disk: the power failed, or it was killed. */
  readonly crash: StateName;
  /** Where to go on instead, the update unharmed, while a download can be resumed (`DownloadRecord`). */
  readonly resumes?: StateName;
}

/** What else is special about a state. */
export interface Traits {
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
  /** The update has failed when it is cut off here. (It has failed after every `fail` and `abort`.) */
  readonly crashFails?: true;
  /** `ok` means that the old software is back: nothing new is to be recorded. */
  readonly restores?: true;
  /** `fail`, and `no` where the row has one, leave the device damaged: `NAME_INCONSISTENT` is recorded. */
  readonly breaks?: true;
  /** How the update has ended is settled before this state: what goes wrong in it changes nothing of that. */
  readonly settled?: true;
}

/** The effect of a state has its name; `idle` has none. */
export type EffectName = Exclude<StateName, "idle">;

export interface Row extends Transitions, Traits {
  /** The effect that runs: in the table, the state's own. */
  readonly run: EffectName;
}

/** Rows of the states that do something; `idle` does nothing and has none. */
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

function rowsOf(transitions: Readonly<Record<EffectName, Transitions>>, traits: Readonly<Record<EffectName, Traits>>) {
  const row = (state: EffectName): Row => ({ run: state, ...transitions[state], ...traits[state] });
  const states = STATES.filter((state) => state !== "idle");
  return Object.fromEntries(states.map((state) => [state, row(state)])) as Record<EffectName, Row>;
}
