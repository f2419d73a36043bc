import { expect, test } from "vitest";
import { createEffects } from "../../../src/core/deployment/effects.ts";
import { begin, type Snapshot } from "../../../src/core/deployment/snapshot.ts";
import type { EffectName } from "../../../src/core/deployment/table.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { RebootNeed } from "../../../src/ports/payload-handler.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { keeping } from "./keeping.ts";

const signal = new AbortController().signal;
const TYPES = ["a", null, "b", "c"];

interface Answers {
  readonly reboot?: Readonly<Record<string, RebootNeed>>;
  readonly rollback?: Readonly<Record<string, boolean>>;
  readonly failing?: string;
  /** The scripts of the root filesystem have an unknown version. */
  readonly version?: true;
}

function rig({ reboot = {}, rollback = {}, failing, version }: Answers = {}) {
  const calls: string[] = [];
  const call = async (name: string): Promise<void> => {
    calls.push(name);
    if (name === failing) throw new AgentError("MODULE_FAILED");
  };
  const left = TYPES.map((type) => ({ type, stream: { next: async () => undefined } }));
  const effects = createEffects({
    store: createMemoryStore(new Map()),
    power: {
      async reboot() {
        calls.push("power");
        throw new AgentError("REBOOT_FAILED");
      },
    },
    scripts: {
      async checkRootfsVersion() {
        if (version) throw new AgentError("SCRIPT_VERSION");
      },
    },
    handlerFor: (type, index) => ({
      type,
      prepare: (context) => call(`prepare ${context.payloadType}`),
      download: () => call(`download ${type}${index}`),
      act: (action) => call(`${action} ${type}`),
      needsReboot: async () => reboot[type] ?? "No",
      supportsRollback: async () => rollback[type] ?? true,
    }),
    openPayloads: async () => ({
      async next() {
        const payload = left.shift();
        const texts = { headerInfo: "{}", typeInfo: "{}" };
        const payloadType = payload?.type ?? "";
        const context = { artifactName: "v2", payloadType, headerInfo: {}, typeInfo: {}, texts };
        return payload && { stream: payload.stream, context };
      },
      finish: () => call("finish"),
    }),
  });
  return { calls, effects: keeping(effects) };
}

const snapshot = (mode: Snapshot["mode"]): Snapshot =>
  begin(mode, "id", { name: "v2", provides: {}, payloadTypes: TYPES });

test("each payload goes to its own handler, in the Artifact's order, and an empty one to none", async () => {
  const { calls, effects } = rig();
  expect(await effects.download(snapshot("managed"), signal)).toEqual({ outcome: "ok" });
  const streams = ["prepare a", "download a0", "prepare b", "download b2", "prepare c", "download c3"];
  expect(calls).toEqual([...streams, "finish"]);
});

const ORDERS: readonly (readonly [EffectName, action: string, order: string, goesOn: boolean])[] = [
  ["install", "ArtifactInstall", "abc", false],
  ["verifyReboot", "ArtifactVerifyReboot", "abc", false],
  ["commit", "ArtifactCommit", "abc", false],
  ["rollback", "ArtifactRollback", "cba", true],
  ["verifyRollbackReboot", "ArtifactVerifyRollbackReboot", "cba", true],
  ["failure", "ArtifactFailure", "abc", true],
  ["cleanup", "Cleanup", "abc", true],
];

for (const [effect, action, order, goesOn] of ORDERS) {
  test(`${effect} acts in the order ${order}, and ${goesOn ? "continues with the others" : "stops"} when one fails`, async () => {
    const all = [...order].map((type) => `${action} ${type}`);
    const well = rig();
    expect(await well.effects[effect](snapshot("managed"), signal)).toEqual({ outcome: "ok" });
    expect(well.calls).toEqual(all);
    const badly = rig({ failing: all[1] ?? "" });
    await expect(badly.effects[effect](snapshot("managed"), signal)).rejects.toMatchObject({ code: "MODULE_FAILED" });
    expect(badly.calls).toEqual(goesOn ? all : all.slice(0, 2));
  });
}

test("one payload that needs a reboot is enough, and only payloads that reboot themselves are asked to", async () => {
  const { calls, effects } = rig({ reboot: { a: "Yes", b: "Automatic", c: "Yes" } });
  expect(await effects.askReboot(snapshot("managed"), signal)).toEqual({ outcome: "ok" });
  expect(await rig({ reboot: { b: "Yes" } }).effects.askRollbackReboot(snapshot("managed"), signal)).toEqual({
    outcome: "ok",
  });
  expect(await rig().effects.askReboot(snapshot("managed"), signal)).toEqual({ outcome: "no" });
  await expect(effects.reboot(snapshot("managed"), signal)).rejects.toMatchObject({ code: "REBOOT_FAILED" });
  await expect(effects.rollbackReboot(snapshot("managed"), signal)).rejects.toMatchObject({ code: "REBOOT_FAILED" });
  const forward = ["ArtifactReboot a", "ArtifactReboot c", "power"];
  expect(calls).toEqual([...forward, "ArtifactRollbackReboot c", "ArtifactRollbackReboot a", "power"]);
});

test("all payloads can be rolled back, or the update cannot; one that can is enough to wait for the user", async () => {
  const outcomes = async (rollback: Readonly<Record<string, boolean>>) => {
    const { effects } = rig({ rollback });
    const { outcome } = await effects.askReboot(snapshot("standalone"), signal);
    return [outcome, (await effects.askRollback(snapshot("standalone"), signal)).outcome];
  };
  expect(await outcomes({})).toEqual(["hold", "ok"]);
  expect(await outcomes({ b: false })).toEqual(["hold", "no"]);
  expect(await outcomes({ a: false, b: false, c: false })).toEqual(["no", "no"]);
});

test("scripts of an unsupported version are found before any payload is committed", async () => {
  const { calls, effects } = rig({ version: true });
  await expect(effects.commit(snapshot("managed"), signal)).rejects.toMatchObject({ code: "SCRIPT_VERSION" });
  expect(calls).toEqual([]);
});
