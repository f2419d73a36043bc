import { expect, test } from "vitest";
import type { Effect, Effects } from "../../../src/core/deployment/driver-parts.ts";
import type { Journal } from "../../../src/core/deployment/journal.ts";
import { runRow } from "../../../src/core/deployment/run-row.ts";
import { begin, type Snapshot } from "../../../src/core/deployment/snapshot.ts";
import { type Row, type StateName, TABLE } from "../../../src/core/deployment/table.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";

const START = begin("managed", "id", { name: "v2", provides: {}, payloadTypes: ["rootfs-image"] });
const SCRIPT_FAILED = new AgentError("SCRIPT_FAILED");
const EFFECT_FAILED = new AgentError("SLOT_IO");

/** Runs the row of `state`. The elements of `failing` (names of sets, or `effect`) fail. */
async function ran(
  state: Exclude<StateName, "idle">,
  failing: readonly string[],
  stopAt?: string,
  change: Partial<Snapshot> = {},
) {
  const events: string[] = [];
  const abort = new AbortController();
  const step = async (name: string, error: AgentError): Promise<void> => {
    events.push(name);
    if (name === stopAt) abort.abort(new Error("stopped"));
    if (failing.includes(name)) throw error;
  };
  const effect: Effect = async () => {
    await step("effect", EFFECT_FAILED);
    return { outcome: "ok" };
  };
  const effects = Object.fromEntries(Object.values(TABLE).map(({ run }) => [run, effect])) as Effects;
  const journal: Journal = {
    load: async () => undefined,
    recover: async () => undefined,
    save: async (s) => void events.push(`save${s.inconsistent ? " damage" : ""}`),
  };
  const scripts = { run: (of: string, action: string) => step(`${of}_${action}`, SCRIPT_FAILED) };
  const before: Snapshot = { ...START, state, ...change };
  try {
    const { result, after, errors } = await runRow({ journal, effects, scripts }, before, abort.signal);
    const damage = after.inconsistent && after.failed;
    return { events: events.join(" "), ends: `${result.outcome}${damage ? " with damage" : ""}`, errors };
  } catch (error) {
    return { events: events.join(" "), ends: String(error), errors: [] };
  }
}

/**
 * The scripts of each state according to the state script contract: those that run on success, and those that run on a
 * failure.
 */
const RUNS: readonly (readonly [state: Exclude<StateName, "idle">, fails: string, runs: string, ends: string])[] = [
  ["download", "", "Download_Enter effect Download_Leave", "ok"],
  ["download", "Download_Enter", "Download_Enter Download_Error", "fail"],
  ["download", "effect", "Download_Enter effect Download_Error", "fail"],
  ["download", "Download_Leave", "Download_Enter effect Download_Leave Download_Error", "fail"],
  ["install", "", "ArtifactInstall_Enter effect ArtifactInstall_Leave", "ok"],
  ["install", "ArtifactInstall_Enter", "ArtifactInstall_Enter ArtifactInstall_Error", "fail"],
  [
    "install",
    "ArtifactInstall_Leave",
    "ArtifactInstall_Enter effect ArtifactInstall_Leave ArtifactInstall_Error",
    "fail",
  ],
  ["askReboot", "effect", "effect", "fail"],
  ["reboot", "ArtifactReboot_Enter", "ArtifactReboot_Enter ArtifactReboot_Error", "fail"],
  ["reboot", "effect", "ArtifactReboot_Enter effect ArtifactReboot_Error", "fail"],
  ["verifyReboot", "", "effect ArtifactReboot_Leave", "ok"],
  ["verifyReboot", "effect", "effect ArtifactReboot_Error", "fail"],
  ["verifyReboot", "ArtifactReboot_Leave", "effect ArtifactReboot_Leave ArtifactReboot_Error", "fail"],
  ["commit", "", "ArtifactCommit_Enter effect", "ok"],
  ["commit", "ArtifactCommit_Enter", "ArtifactCommit_Enter ArtifactCommit_Error", "fail"],
  ["commit", "effect", "ArtifactCommit_Enter effect ArtifactCommit_Error", "fail"],
  ["commitLeave", "", "effect ArtifactCommit_Leave", "ok"],
  ["commitLeave", "ArtifactCommit_Leave", "effect ArtifactCommit_Leave ArtifactCommit_Error", "fail"],
  ["askRollback", "effect", "effect", "fail"],
  ["rollback", "", "ArtifactRollback_Enter effect ArtifactRollback_Leave", "ok"],
  [
    ...(["rollback", "ArtifactRollback_Enter"] as const),
    ...(["ArtifactRollback_Enter save damage effect ArtifactRollback_Leave", "ok with damage"] as const),
  ],
  ["rollback", "ArtifactRollback_Leave", "ArtifactRollback_Enter effect ArtifactRollback_Leave", "ok with damage"],
  ["rollback", "effect", "ArtifactRollback_Enter effect ArtifactRollback_Leave", "fail"],
  ["rollbackReboot", "", "ArtifactRollbackReboot_Enter effect", "ok"],
  [
    "rollbackReboot",
    "ArtifactRollbackReboot_Enter",
    "ArtifactRollbackReboot_Enter save damage effect",
    "ok with damage",
  ],
  ["verifyRollbackReboot", "", "effect ArtifactRollbackReboot_Leave", "ok"],
  ["verifyRollbackReboot", "effect", "effect", "fail"],
  [
    ...(["verifyRollbackReboot", "ArtifactRollbackReboot_Leave"] as const),
    ...(["effect ArtifactRollbackReboot_Leave ArtifactRollbackReboot_Error", "ok with damage"] as const),
  ],
  ["failure", "", "ArtifactFailure_Enter effect ArtifactFailure_Leave", "ok"],
  [
    ...(["failure", "ArtifactFailure_Enter"] as const),
    ...(["ArtifactFailure_Enter save damage effect ArtifactFailure_Leave", "ok with damage"] as const),
  ],
  ["failure", "effect", "ArtifactFailure_Enter effect ArtifactFailure_Leave", "fail"],
  ["failure", "ArtifactFailure_Leave", "ArtifactFailure_Enter effect ArtifactFailure_Leave", "ok with damage"],
  ["saveProvides", "", "effect", "ok"],
  ["cleanup", "effect", "effect", "fail"],
];

for (const [state, fails, runs, ends] of RUNS) {
  test(`${state}: ${fails === "" ? "when all goes well" : `when ${fails} fails`}, there run ${runs}`, async () => {
    const errors = fails === "" ? [] : [fails === "effect" ? EFFECT_FAILED : SCRIPT_FAILED];
    expect(await ran(state, [fails])).toEqual({ events: runs, ends, errors });
  });
}

for (const [fails, runs, ends] of [
  ["", "effect Download_Leave", "ok"],
  ["effect", "effect Download_Error", "fail"],
  ["Download_Leave", "effect Download_Leave Download_Error", "fail"],
] as const) {
  test(`a download that resumes is not entered again: there run ${runs}`, async () => {
    const download = { uri: "http://server/v2.mender", lengthBytes: 1, resumes: 1 };
    expect(await ran("download", [fails], undefined, { download })).toMatchObject({ events: runs, ends });
  });
}

test("failing Error scripts are reported, and change nothing else", async () => {
  const { ends, errors } = await ran("install", ["effect", "ArtifactInstall_Error"]);
  expect([ends, errors]).toEqual(["fail", [EFFECT_FAILED, SCRIPT_FAILED]]);
});

for (const [state, row] of Object.entries(TABLE) as [Exclude<StateName, "idle">, Row][]) {
  const sets = [row.enter && `${row.enter}_Enter`, row.leave && `${row.leave}_Leave`].filter(
    (set) => set !== undefined,
  );
  for (const set of sets) {
    test(`an abort in ${set} ends ${state} there, whatever the scripts return`, async () => {
      const stopped = await ran(state, [set], set);
      expect(stopped.ends).toBe("Error: stopped");
      expect(stopped.events.endsWith(set)).toBe(true);
    });
  }
}
