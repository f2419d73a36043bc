import { expect, test } from "vitest";
import type { Run } from "../../../src/core/deployment/driver.ts";
import type { Step } from "../../../src/core/deployment/driver-parts.ts";
import { reportRun, type StandaloneCommand } from "../../../src/core/deployment/report.ts";
import { begin, type Snapshot } from "../../../src/core/deployment/snapshot.ts";
import type { Outcome, StateName } from "../../../src/core/deployment/table.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";

const START = begin("standalone", "standalone", { name: "v2", provides: {}, payloadTypes: ["rootfs-image"] });
const REBOOT_LINE = "At least one payload requested a reboot of the device it updated.";
const PENDING_LINES = [
  "Installed, but not committed.",
  "Use 'commit' to update, or 'rollback' to roll back the update.",
];

/** `state:outcome` for each step; `!` behind it: a reboot is required. */
function runOf(steps: string, end: Partial<Snapshot>): Run {
  const parsed = steps.split(" ").map((text): Step => {
    const [state, outcome] = text.replace("!", "").split(":") as [StateName, Outcome];
    return { state, outcome, rebootRequired: text.endsWith("!"), errors: [] };
  });
  return { steps: parsed, snapshot: { ...START, state: "idle", ...end } };
}

const ROLLED_BACK = "askRollback:ok rollback:ok askRollbackReboot:no failure:ok saveProvides:ok cleanup:ok";
const NO_WAY_BACK = "askRollback:no failure:ok saveProvides:ok cleanup:ok";
const INSTALLED = "download:ok install:ok askReboot:hold";
const AT_COMMIT: Partial<Snapshot> = { state: "commit", phase: "before" };
const FAILED: Partial<Snapshot> = { failed: true };
const BROKEN: Partial<Snapshot> = { failed: true, inconsistent: true };

type Row = readonly [StandaloneCommand, string, steps: string, Partial<Snapshot>, string[], exit: number];
const FLOWS: readonly Row[] = [
  ["install", "waits for a commit", INSTALLED, AT_COMMIT, PENDING_LINES, 0],
  ["install", "waits for a reboot and a commit", `${INSTALLED}!`, AT_COMMIT, [...PENDING_LINES, REBOOT_LINE], 4],
  [
    ...([
      "install",
      "commits at once",
      "download:ok install:ok askReboot:no commit:ok commitLeave:ok saveProvides:ok cleanup:ok",
      {},
    ] as const),
    ["Update Module doesn't support rollback. Committing immediately.", "Installed and committed."],
    0,
  ],
  [
    "install",
    "stops before it installs",
    "download:ok",
    { state: "install", phase: "before" },
    ["Streamed to storage, but not installed/enabled."],
    0,
  ],
  [
    "install",
    "fails while streaming",
    "download:fail cleanup:ok",
    FAILED,
    ["Streaming failed.", "System not modified."],
    1,
  ],
  [
    "install",
    "fails and rolls back",
    `download:ok install:fail ${ROLLED_BACK}`,
    FAILED,
    ["Installation failed.", "Rolled back."],
    1,
  ],
  [
    ...(["install", "fails and cannot roll back", `download:ok install:fail ${NO_WAY_BACK}`, BROKEN] as const),
    ["Installation failed.", "Update Module does not support rollback. System may be in an inconsistent state."],
    1,
  ],
  [
    ...([
      "install",
      "fails to roll back",
      "download:ok install:fail askRollback:ok rollback:fail failure:ok saveProvides:ok cleanup:ok",
      BROKEN,
    ] as const),
    ["Installation failed.", "Rollback failed. System may be in an inconsistent state."],
    1,
  ],
  [
    ...(["install", "of an empty payload commits", "download:no saveProvides:ok cleanup:ok", {}] as const),
    ["Artifact with empty payload. Committing immediately.", "Installed and committed."],
    0,
  ],
  ["commit", "commits", "commit:ok commitLeave:ok saveProvides:ok cleanup:ok", {}, ["Committed."], 0],
  ["commit", "fails and rolls back", `commit:fail ${ROLLED_BACK}`, FAILED, ["Committing failed.", "Rolled back."], 1],
  ["commit", "finds a commit that was cut off, and rolls back", ROLLED_BACK, FAILED, ["Rolled back."], 1],
  [
    "commit",
    "commits, and Cleanup fails",
    "commit:ok commitLeave:ok saveProvides:ok cleanup:fail",
    FAILED,
    ["Committed.", "Cleanup failed."],
    1,
  ],
  [
    ...([
      "commit",
      "commits, and its scripts fail",
      "commit:ok commitLeave:fail saveProvides:ok cleanup:ok",
      BROKEN,
    ] as const),
    ["Committed.", "One or more post-commit steps failed."],
    1,
  ],
  ["rollback", "rolls back", ROLLED_BACK, {}, ["Rolled back."], 0],
  ["resume", "cleans up", "cleanup:ok", FAILED, ["Cleaned up."], 0],
  [
    "install",
    "commits at once, which all goes wrong afterwards",
    "download:ok install:ok askReboot:no! commit:ok commitLeave:fail saveProvides:ok cleanup:fail",
    BROKEN,
    [
      "Update Module doesn't support rollback. Committing immediately.",
      "Installed and committed.",
      `One or more post-commit steps failed. Cleanup failed. ${REBOOT_LINE}`,
    ],
    1,
  ],
  [
    "install",
    "stops before a commit that would follow at once",
    "download:ok install:ok askReboot:no",
    AT_COMMIT,
    PENDING_LINES,
    0,
  ],
  [
    "install",
    "fails while streaming, and so does Cleanup",
    "download:fail cleanup:fail",
    FAILED,
    ["System not modified. Cleanup failed."],
    1,
  ],
  ["resume", "goes on after a commit", "commitLeave:ok saveProvides:ok cleanup:ok", {}, ["Cleaned up."], 0],
  [
    "resume",
    "goes on after a rollback",
    "failure:ok saveProvides:ok cleanup:ok",
    { rolledBack: true },
    ["Rolled back."],
    0,
  ],
  ["resume", "cleans up after a rollback", "cleanup:ok", { rolledBack: true }, ["Rolled back."], 0],
  ["resume", "goes on to a commit", "install:ok askReboot:hold!", AT_COMMIT, [...PENDING_LINES, REBOOT_LINE], 4],
];

for (const [command, title, steps, end, lines, exit] of FLOWS) {
  test(`${command} ${title}: the newest client's lines and exit status`, () => {
    const report = reportRun(command, runOf(steps, end), true);
    expect({ lines: report.lines, exit: report.exitCode }).toEqual({ lines, exit });
  });
}

test("without --reboot-exit-code a needed reboot is no exit status of its own", () => {
  expect(reportRun("install", runOf(`${INSTALLED}!`, AT_COMMIT), false).exitCode).toBe(0);
});

test("scripts that fail during the rollback are a failure, although every step was taken", () => {
  const error = new AgentError("SCRIPT_FAILED");
  const { steps, snapshot } = runOf(ROLLED_BACK, BROKEN);
  const told = steps.map((step): Step => (step.state === "rollback" ? { ...step, errors: [error] } : step));
  expect(reportRun("rollback", { steps: told, snapshot }, false)).toEqual({
    lines: ["Rollback failed. System may be in an inconsistent state."],
    exitCode: 1,
    errors: [error],
  });
});

test("a commit that stops before it begins is no failure", () => {
  expect(reportRun("commit", { steps: [], snapshot: { ...START, ...AT_COMMIT } }, false)).toEqual({
    lines: [],
    exitCode: 0,
    errors: [],
  });
});

test("the reasons are reported in the order of the failures", () => {
  const errors = [new AgentError("SLOT_IO"), new AgentError("BOOTENV_WRITE")];
  const steps = errors.map(
    (error): Step => ({ state: "install", outcome: "fail", rebootRequired: false, errors: [error] }),
  );
  expect(reportRun("install", { steps, snapshot: START }, false).errors).toEqual(errors);
});
