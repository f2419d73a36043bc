import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { DAEMON_RECORDED, DaemonScriptRig } from "../../support/daemon-script-rig.ts";
import type { Recorded } from "../../support/script-rig.ts";
import { ourDaemon, type Programs } from "./scripted-daemon.ts";

/** Where Switchback differs from mender 3.4, with the reason in docs/compatibility.md. */
interface Difference {
  /** The beginning of that row. */
  readonly row: string;
  /** The scripts that return something other than 0 in these cases: the beginning of one answer. */
  readonly when: RegExp;
  /** What Switchback must run, derived from what the real client ran. */
  ours(ran: string): string;
}

const IDLE_AGAIN = "Idle_Enter Idle_Leave Sync_Enter Sync_Leave Idle_Enter Idle_Leave Sync_Enter";
const DIFFERENCES: readonly Difference[] = [
  {
    row: "Download_Enter scripts fail in a managed update",
    when: /^Download_Enter (?:1|21\.\.\.)$/,
    ours: (ran) => ran.replace(/(?<= Download_Error) .*/, ` (failure) ${IDLE_AGAIN} =old`),
  },
  {
    row: "ArtifactRollback, ArtifactRollbackReboot or ArtifactFailure scripts, or ArtifactFailure of a module, fail in a managed update",
    when: /^Artifact(?:(?:Rollback|RollbackReboot|Failure)_(?:Enter|Leave)|Failure) (?:1|21\.\.\.)$/,
    ours: (ran) => ran.replace("=old", "=new_INCONSISTENT"),
  },
  {
    row: "ArtifactRollbackReboot_Error scripts",
    when: /^ArtifactRollbackReboot_Leave (?:1|21\.\.\.)$/,
    ours: (ran) => ran.replace(/(?<= ArtifactRollbackReboot_Leave(?:\.\.\.)?)(?= )/, " ArtifactRollbackReboot_Error"),
  },
  {
    row: "ArtifactRollbackReboot_Error scripts",
    when: /^ArtifactRollbackReboot_Error 21$/,
    ours: (ran) => ran.replace(/ ArtifactRollbackReboot_Error/, "$&$&"),
  },
  {
    row: "ArtifactRollbackReboot_Leave scripts after ArtifactVerifyRollbackReboot fails",
    when: /^ArtifactVerifyRollbackReboot 1$/,
    ours: (ran) => ran.replace(" ArtifactRollbackReboot_Leave", ""),
  },
];

const expected = ({ answers, ran }: Recorded): string =>
  DIFFERENCES.filter(({ when }) => answers.some((answer) => when.test(answer))).reduce(
    (text, { ours }) => ours(text),
    ran,
  );

/** Rigs of finished cases, for reuse: making a rig takes longer than most cases. */
const free: DaemonScriptRig[] = [];
afterAll(() => Promise.all(free.map((rig) => rig.remove())));

async function ran({ answers }: Recorded, programs: Programs): Promise<string> {
  const rig = free.pop() ?? (await DaemonScriptRig.make());
  try {
    return await rig.record(ourDaemon(programs), answers);
  } finally {
    free.push(rig);
  }
}

for (const recorded of DAEMON_RECORDED) {
  test.concurrent(`${recorded.title}: the same scripts and calls run as in the real client`, async () => {
    expect(await ran(recorded, "played")).toBe(expected(recorded));
  });
}

/** One case of each kind of answer, and of each way to reboot. */
const STARTED: ReadonlySet<string> = new Set([
  "daemon: NeedsArtifactReboot Yes, Sync_Leave 0 1",
  "daemon: NeedsArtifactReboot Yes, ArtifactReboot_Enter 21",
  "daemon: NeedsArtifactReboot Yes, ArtifactReboot_Leave 21...",
  "daemon: NeedsArtifactReboot Automatic, ArtifactCommit 1",
]);
for (const recorded of DAEMON_RECORDED.filter(({ title }) => STARTED.has(title))) {
  test.concurrent(`${recorded.title}: the same with every script and module started as a program`, async () => {
    expect(await ran(recorded, "started")).toBe(expected(recorded));
  });
}

test("the record has each script with each answer that it may give", () => {
  const states = [
    "Download",
    ...["Install", "Reboot", "Commit", "Rollback", "RollbackReboot", "Failure"].map((s) => `Artifact${s}`),
  ];
  const withoutErrors = ["Idle", "ArtifactRollback", "ArtifactFailure"];
  const scripts = ["Idle", "Sync", ...states].flatMap((state) =>
    ["Enter", "Leave", ...(withoutErrors.includes(state) ? [] : ["Error"])].map((action) => `${state}_${action}`),
  );
  const answered = new Set(DAEMON_RECORDED.flatMap(({ answers }) => answers));
  // The real client never runs these; Switchback has two of the answers that it would ignore.
  const never = "ArtifactRollbackReboot_Error";
  for (const script of scripts) {
    const given = script === never ? ["1", "21"] : ["1", "21", "21..."];
    for (const answer of given) expect(answered).toContain(`${script} ${answer}`);
    const isRun = DAEMON_RECORDED.some(
      ({ answers, ran }) => ran.includes(`${script} `) && !answers.join().includes(script),
    );
    expect(isRun, script).toBe(script !== never);
  }
});

test("each difference has its row in the manual, and shows in the record", () => {
  const rows = readFileSync("docs/compatibility.md", "utf8").split("\n");
  for (const { row, when } of DIFFERENCES) {
    expect(
      rows.filter((line) => line.startsWith(`| ${row} |`)),
      row,
    ).toHaveLength(1);
    expect(DAEMON_RECORDED.some(({ answers }) => answers.some((answer) => when.test(answer)))).toBe(true);
  }
});
