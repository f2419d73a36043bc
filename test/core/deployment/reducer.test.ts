import { expect, test } from "vitest";
import { holdAt, isAtRest, next, nextAfterRestart, redirect } from "../../../src/core/deployment/reducer.ts";
import { begin, type Snapshot } from "../../../src/core/deployment/snapshot.ts";
import { MAX_TRANSITIONS, type Outcome } from "../../../src/core/deployment/table.ts";

const START = begin("managed", "id", { name: "new", provides: {}, payloadTypes: ["rootfs-image"] });
const at = (change: Partial<Snapshot>): Snapshot => ({ ...START, ...change });

const STEPS: readonly (readonly [title: string, from: Partial<Snapshot>, outcome: Outcome, to: Partial<Snapshot>])[] = [
  ["goes on", { state: "install" }, "ok", { state: "askReboot", rolledBack: false }],
  ["remembers that the old software is back", { state: "rollback" }, "ok", { rolledBack: true }],
  ["never forgets it", { state: "failure", rolledBack: true }, "ok", { rolledBack: true }],
  ["fails without damage", { state: "commit" }, "fail", { state: "askRollback", failed: true, inconsistent: false }],
  ["fails with damage", { state: "rollback" }, "fail", { state: "failure", failed: true, inconsistent: true }],
  ["takes a damaging no for a failure", { state: "askRollback" }, "no", { failed: true, inconsistent: true }],
  ["takes another no for an answer", { state: "askReboot" }, "no", { state: "reachServer", failed: false }],
  [
    "that the server calls off before the installation undoes nothing",
    { state: "install" },
    "abort",
    { state: "cleanup", failed: true },
  ],
  [
    "that the server calls off later is undone",
    { state: "reachServer" },
    "abort",
    { state: "askRollback", failed: true },
  ],
  [
    "changes nothing of how the update has ended once that is settled",
    { state: "reportResult" },
    "fail",
    { state: "idle", failed: false },
  ],
  ["skips what only managed updates have", { state: "cleanup", mode: "standalone" }, "ok", { state: "idle" }],
  [
    "forgets the download that it leaves",
    { download: { uri: "u", lengthBytes: 8, resumes: 1 } },
    "ok",
    { state: "install" },
  ],
  [
    "comes to rest, afresh",
    { state: "askReboot", transitions: 9, failed: true },
    "hold",
    { state: "commit", phase: "before", transitions: 0, failed: false },
  ],
];

for (const [title, from, outcome, to] of STEPS) {
  test(`a step ${title}`, () => {
    expect(next(at(from), outcome)).toMatchObject(to);
  });
}

test("a step counts as one transition", () => {
  expect(next(at({ transitions: 4 }), "ok").transitions).toBe(5);
});

test("an outcome without a column is a bug", () => {
  expect(() => next(at({ state: "reboot" }), "no")).toThrow("reboot has no no column");
  expect(() => next(at({ state: "idle" }), "ok")).toThrow("idle has no row");
});

const RESUMED: readonly (readonly [from: Partial<Snapshot>, to: Partial<Snapshot>])[] = [
  [{ state: "download" }, { state: "cleanup", failed: true }],
  [{ state: "install" }, { state: "askRollback", failed: true }],
  [{ state: "reboot" }, { state: "verifyReboot", failed: false }],
  [{ state: "commit" }, { state: "askRollback", failed: true }],
  [{ state: "saveProvides" }, { state: "saveProvides", failed: false }],
  [
    { state: "rollbackReboot", failed: true },
    { state: "verifyRollbackReboot", failed: true },
  ],
  [
    { state: "commit", phase: "before" },
    { state: "commit", phase: "main", failed: false },
  ],
];

for (const [from, to] of RESUMED) {
  test(`${from.state} found ${from.phase === "before" ? "at rest" : "interrupted"} continues at ${to.state}`, () => {
    expect(nextAfterRestart(at(from))).toMatchObject(to);
  });
}

test("a standalone update without a rollback is committed without a question", () => {
  expect(next(at({ state: "askReboot", mode: "standalone" }), "no")).toMatchObject({ state: "commit" });
});

test("a download resumes as often as it may, without a transition, and is then abandoned", () => {
  const cut = at({ transitions: 1, download: { uri: "u", lengthBytes: 8, resumes: 1 } });
  expect(nextAfterRestart(cut, 2)).toEqual(at({ transitions: 1, download: { uri: "u", lengthBytes: 8, resumes: 2 } }));
  expect(nextAfterRestart(nextAfterRestart(cut, 2), 2)).toMatchObject({ state: "cleanup", failed: true });
  expect(next(cut, "ok")).not.toHaveProperty("download");
});

test("a load counts as a transition, and continuing from a rest does not", () => {
  expect(nextAfterRestart(at({ state: "cleanup", transitions: 3 })).transitions).toBe(5);
  expect(nextAfterRestart(at({ state: "commit", phase: "before", transitions: 0 })).transitions).toBe(1);
});

test("an update that does not come to an end is recorded as damaged and dropped", () => {
  const tired = at({ state: "verifyRollbackReboot", transitions: MAX_TRANSITIONS, failed: true });
  expect(next(tired, "fail")).toMatchObject({ state: "saveProvides", failed: true, inconsistent: true });
  expect(next({ ...tired, transitions: MAX_TRANSITIONS - 1 }, "fail")).toMatchObject({ state: "rollbackReboot" });
  expect(next({ ...tired, state: "saveProvides" }, "ok")).toMatchObject({ state: "cleanup", inconsistent: false });
});

test("a user's request enters a state, and a rest begins anew", () => {
  expect(redirect(at({ state: "commit", phase: "before" }), "askRollback")).toMatchObject({
    state: "askRollback",
    phase: "main",
  });
  expect(holdAt(at({ state: "commit", transitions: 7, failed: true }))).toEqual(
    at({ state: "commit", phase: "before" }),
  );
});

test("idle and what waits are at rest, all else runs", () => {
  expect([at({ state: "idle" }), at({ state: "commit", phase: "before" }), at({})].map(isAtRest)).toEqual([
    true,
    true,
    false,
  ]);
});
