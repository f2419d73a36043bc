import { expect, test } from "vitest";
import type { Effect, Effects } from "../../../src/core/deployment/driver-parts.ts";
import { createJournal } from "../../../src/core/deployment/journal.ts";
import { begin, formatSnapshot, type Snapshot } from "../../../src/core/deployment/snapshot.ts";
import { createStandalone, type Standalone, type StandaloneResult } from "../../../src/core/deployment/standalone.ts";
import { type EffectName, type StateName, TABLE } from "../../../src/core/deployment/table.ts";
import type { PayloadHandler } from "../../../src/ports/payload-handler.ts";
import { createMemoryStore } from "../../support/memory-store.ts";

const signal = new AbortController().signal;
const NO_STOP: ReadonlySet<StateName> = new Set();
const ARTIFACT = { name: "v2", provides: {}, payloadTypes: ["rootfs-image"] };

function rig(found: Partial<Snapshot> | undefined, rollback = true) {
  const disk = new Map<string, string>();
  if (found !== undefined)
    disk.set("state", formatSnapshot({ ...begin("standalone", "standalone", ARTIFACT), ...found }));
  const outcomes: Partial<Record<EffectName, "hold" | "no">> = { askReboot: "hold", askRollbackReboot: "no" };
  const effect =
    (name: EffectName): Effect =>
    async () => ({ outcome: outcomes[name] ?? "ok" });
  const effects = Object.fromEntries(Object.values(TABLE).map(({ run }) => [run, effect(run)])) as Effects;
  const handler: PayloadHandler = {
    type: "rootfs-image",
    download: async () => undefined,
    act: async () => undefined,
    needsReboot: async () => "Automatic",
    supportsRollback: async () => rollback,
  };
  let undone = 0;
  const standalone = createStandalone({
    finishUndo: async () => {
      undone += 1;
    },
    journal: createJournal(createMemoryStore(disk)),
    effects,
    scripts: { run: async () => undefined },
    handlerFor: () => handler,
  });
  return { disk, standalone, undone: () => undone };
}

function statesOf(answer: StandaloneResult): string {
  return answer.kind === "ran" ? answer.run.steps.map(({ state }) => state).join(" ") : answer.kind;
}

const AT_COMMIT: Partial<Snapshot> = { state: "commit", phase: "before" };
/** `rollback` does not repeat the questions that it has asked before it runs. */
const ROLLBACK = "rollback askRollbackReboot failure saveProvides cleanup";
const UNDONE = `askRollback ${ROLLBACK}`;
type Command = "commit" | "rollback" | "resume";

const ENTERED: readonly (readonly [Command, Partial<Snapshot> | undefined, string])[] = [
  ["commit", undefined, "none"],
  ["rollback", undefined, "none"],
  ["resume", undefined, "none"],
  ["commit", AT_COMMIT, "commit commitLeave saveProvides cleanup"],
  ["commit", { state: "commit" }, UNDONE],
  ["rollback", AT_COMMIT, ROLLBACK],
  ["rollback", { state: "install" }, ROLLBACK],
  ["rollback", { state: "rollback" }, ROLLBACK],
  ["resume", { state: "install" }, UNDONE],
  ["resume", { state: "download" }, "cleanup"],
  ["resume", { state: "saveProvides" }, "saveProvides cleanup"],
  ["resume", { state: "commitLeave" }, "commitLeave saveProvides cleanup"],
  ["rollback", { state: "commitLeave", phase: "before" }, ROLLBACK],
  ["resume", AT_COMMIT, "commit commitLeave saveProvides cleanup"],
];

const place = (found: Partial<Snapshot> | undefined): string =>
  found === undefined ? "nothing" : `${found.phase === "before" ? "a rest before " : ""}${found.state}`;

for (const [command, found, expected] of ENTERED) {
  test(`${command} that finds ${place(found)} runs: ${expected}`, async () => {
    const { disk, standalone } = rig(found);
    expect(statesOf(await standalone[command](NO_STOP, signal))).toBe(expected);
    expect(disk.has("state")).toBe(false);
  });
}

for (const [command, state] of [
  ["commit", "install"],
  ["commit", "cleanup"],
  ["commit", "commitLeave"],
  ["rollback", "commitLeave"],
  ["rollback", "download"],
  ["rollback", "cleanup"],
] as const) {
  test(`${command} that finds ${state} is the wrong operation and changes nothing`, async () => {
    const { disk, standalone } = rig({ state });
    const before = new Map(disk);
    await expect(standalone[command](NO_STOP, signal)).rejects.toMatchObject({
      code: "WRONG_OPERATION",
      detail: { command, state },
    });
    expect(disk).toEqual(before);
  });
}

for (const command of ["prepareInstall", "commit", "rollback", "resume"] as const) {
  test(`${command} tries again what the update before could not undo, once that is over`, async () => {
    const after = rig(undefined);
    const during = rig(AT_COMMIT);
    for (const { standalone } of [after, during]) {
      // A pending update refuses the next install.
      const call =
        command === "prepareInstall" ? standalone.prepareInstall(signal) : standalone[command](NO_STOP, signal);
      await Promise.allSettled([call]);
    }
    expect([after.undone(), during.undone()]).toEqual([1, 0]);
  });
}

test("a payload that cannot be rolled back refuses, and the update stays pending", async () => {
  const { disk, standalone } = rig(AT_COMMIT, false);
  const before = new Map(disk);
  expect(await standalone.rollback(NO_STOP, signal)).toEqual({ kind: "refused" });
  expect(disk).toEqual(before);
});

test("resume rests before the commit if --stop-before asks for it, as the boot service does", async () => {
  const { disk, standalone } = rig(AT_COMMIT);
  const before = new Map(disk);
  expect(statesOf(await standalone.resume(new Set(["commit"]), signal))).toBe("");
  expect(disk).toEqual(before);
});

test("an install waits for the commit", async () => {
  const { disk, standalone } = rig(undefined);
  const run = await standalone.install(ARTIFACT, NO_STOP, signal);
  expect(run.steps.map(({ state }) => state)).toEqual(["download", "install", "askReboot"]);
  expect(JSON.parse(disk.get("state") ?? "")).toMatchObject({ ...AT_COMMIT, id: "standalone", mode: "standalone" });
});

for (const state of ["download", "commitLeave", "saveProvides", "cleanup"] as const) {
  test(`an update that was interrupted in ${state} does not block the next one`, async () => {
    const { disk, standalone } = rig({ state });
    await standalone.prepareInstall(signal);
    expect(disk.has("state")).toBe(false);
  });
}

for (const found of [AT_COMMIT, { state: "install" }, { state: "cleanup", phase: "before" }] as const) {
  test(`an update pending at ${place(found)} blocks the next one`, async () => {
    await expect(rig(found).standalone.prepareInstall(signal)).rejects.toMatchObject({ code: "UPDATE_IN_PROGRESS" });
  });
}

const CALLS: Readonly<Record<string, (s: Standalone) => Promise<unknown>>> = {
  prepareInstall: (s) => s.prepareInstall(signal),
  commit: (s) => s.commit(NO_STOP, signal),
  rollback: (s) => s.rollback(NO_STOP, signal),
};
for (const [name, call] of Object.entries(CALLS)) {
  test(`${name} refuses to touch a managed deployment`, async () => {
    const { disk, standalone } = rig({ ...AT_COMMIT, mode: "managed" });
    const before = new Map(disk);
    await expect(call(standalone)).rejects.toMatchObject({ code: "UPDATE_IN_PROGRESS", detail: { mode: "managed" } });
    expect(disk).toEqual(before);
  });
}

test("resume finds a managed deployment and leaves it to the daemon", async () => {
  const { disk, standalone } = rig({ ...AT_COMMIT, mode: "managed" });
  const before = new Map(disk);
  expect(await standalone.resume(NO_STOP, signal)).toEqual({ kind: "managed" });
  expect(disk).toEqual(before);
});

test("resume undoes an update that it does not understand, and says so", async () => {
  const { disk, standalone } = rig(undefined);
  disk.set("state", JSON.stringify({ ...begin("standalone", "standalone", ARTIFACT), version: 2 }));
  const answer = await standalone.resume(new Set(["commit"]), signal);
  expect(answer).toMatchObject({ kind: "ran", invalid: { code: "SNAPSHOT_INVALID" } });
  expect([statesOf(answer), disk.has("state")]).toEqual(["cleanup", false]);
});
