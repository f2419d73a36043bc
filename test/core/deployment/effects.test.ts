import { expect, test } from "vitest";
import type { Keep } from "../../../src/core/deployment/driver-parts.ts";
import { createEffects } from "../../../src/core/deployment/effects.ts";
import { begin, type Snapshot } from "../../../src/core/deployment/snapshot.ts";
import type { EffectName } from "../../../src/core/deployment/table.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { PayloadContext, RebootNeed } from "../../../src/ports/payload-handler.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { keeping } from "./keeping.ts";

const CONTEXT: PayloadContext = {
  artifactName: "v2",
  payloadType: "a",
  headerInfo: {},
  typeInfo: {},
  texts: { headerInfo: "{}", typeInfo: "{}" },
};
const signal = new AbortController().signal;

function rig(answers: { reboot?: RebootNeed | AgentError; rollback?: boolean; argument?: string } = {}) {
  const calls: string[] = [];
  const effects = createEffects({
    store: createMemoryStore(new Map([["artifact-name", "v1"]])),
    power: {
      reboot: async (argument) => {
        calls.push(argument === undefined ? "power" : `power ${argument}`);
        throw new AgentError("REBOOT_FAILED");
      },
    },
    handlerFor: (type) => ({
      type,
      download: async () => void calls.push("download"),
      act: async (action) => void calls.push(action),
      needsReboot: async () => {
        if (answers.reboot instanceof AgentError) throw answers.reboot;
        return answers.reboot ?? "No";
      },
      supportsRollback: async () => answers.rollback ?? true,
      ...(answers.argument !== undefined && { rebootArgument: async () => answers.argument }),
    }),
    scripts: { checkRootfsVersion: async () => undefined },
    openPayloads: async () => ({
      next: async () => ({ stream: { next: async () => undefined }, context: CONTEXT }),
      finish: async () => void calls.push("finish"),
    }),
  });
  return { calls, effects: keeping(effects) };
}

const snapshot = (mode: Snapshot["mode"], type: string | null = "rootfs-image"): Snapshot =>
  begin(mode, "id", { name: "v2", provides: { a: "1" }, payloadTypes: [type] });

const ACTIONS: readonly (readonly [EffectName, string])[] = [
  ["install", "ArtifactInstall"],
  ["verifyReboot", "ArtifactVerifyReboot"],
  ["commit", "ArtifactCommit"],
  ["rollback", "ArtifactRollback"],
  ["verifyRollbackReboot", "ArtifactVerifyRollbackReboot"],
  ["failure", "ArtifactFailure"],
  ["cleanup", "Cleanup"],
];
for (const [effect, action] of ACTIONS) {
  test(`${effect} calls ${action}, and nothing where there is no payload`, async () => {
    const { calls, effects } = rig();
    expect(await effects[effect](snapshot("managed"), signal)).toEqual({ outcome: "ok" });
    expect(await effects[effect](snapshot("managed", null), signal)).toEqual({ outcome: "ok" });
    expect(calls).toEqual([action]);
  });
}

test("the Artifact is read to its very end after the payload, also an empty one", async () => {
  const { calls, effects } = rig();
  expect(await effects.download(snapshot("managed"), signal)).toEqual({ outcome: "ok" });
  expect(await effects.download(snapshot("managed", null), signal)).toEqual({ outcome: "no" });
  expect(calls).toEqual(["download", "finish", "finish"]);
});

for (const [reboot, managed, required] of [
  ["No", "no", false],
  ["Yes", "ok", true],
  ["Automatic", "ok", true],
] as const) {
  test(`a payload that answers ${reboot}: a managed update reboots, a standalone one informs the user`, async () => {
    const { effects } = rig({ reboot });
    const none = rig({ reboot, rollback: false }).effects;
    expect(await effects.askReboot(snapshot("managed"), signal)).toEqual({ outcome: managed });
    expect(await effects.askReboot(snapshot("standalone"), signal)).toEqual({
      outcome: "hold",
      rebootRequired: required,
    });
    expect(await none.askReboot(snapshot("standalone"), signal)).toEqual({ outcome: "no", rebootRequired: required });
    expect(await effects.askRollbackReboot(snapshot("managed"), signal)).toEqual({ outcome: managed });
    expect(await effects.askRollbackReboot(snapshot("standalone"), signal)).toEqual({
      outcome: "no",
      rebootRequired: required,
    });
  });
}

test("a payload that cannot say whether its rollback needs a reboot stops no standalone rollback", async () => {
  const { calls, effects } = rig({ reboot: new AgentError("BOOTENV_READ") });
  expect(await effects.askRollbackReboot(snapshot("standalone"), signal)).toEqual({
    outcome: "no",
    rebootRequired: true,
  });
  await expect(effects.askRollbackReboot(snapshot("managed"), signal)).rejects.toMatchObject({
    code: "BOOTENV_READ",
  });
  expect(calls).toEqual([]);
});

test("the device is rebooted with the argument that its boot loader wants", async () => {
  for (const effect of ["reboot", "rollbackReboot"] as const) {
    const { calls, effects } = rig({ reboot: "Automatic", argument: "0 tryboot" });
    await expect(effects[effect](snapshot("managed"), signal)).rejects.toMatchObject({ code: "REBOOT_FAILED" });
    expect(calls).toEqual(["power 0 tryboot"]);
  }
});

for (const [effect, action] of [
  ["reboot", "ArtifactReboot"],
  ["rollbackReboot", "ArtifactRollbackReboot"],
] as const) {
  test(`${effect} leaves the reboot to a module that answers Yes, and the device to the agent only for Automatic`, async () => {
    const itself = rig({ reboot: "Yes" });
    expect(await itself.effects[effect](snapshot("managed"), signal)).toEqual({ outcome: "ok" });
    expect(itself.calls).toEqual([action]);
    const automatic = rig({ reboot: "Automatic" });
    await expect(automatic.effects[effect](snapshot("managed"), signal)).rejects.toMatchObject({
      code: "REBOOT_FAILED",
    });
    expect(automatic.calls).toEqual(["power"]);
  });
}

test("what the header says is kept before the first payload is prepared, and the Artifact is closed in the end", async () => {
  for (const failing of [false, true]) {
    const events: string[] = [];
    const artifact = { name: "v3", provides: {}, payloadTypes: ["a"] };
    const effects = createEffects({
      store: createMemoryStore(new Map()),
      power: { reboot: () => Promise.reject(new AgentError("REBOOT_FAILED")) },
      handlerFor: (type) => ({
        type,
        prepare: async () => void events.push(`prepare ${type}`),
        async download() {
          events.push(`download ${type}`);
          if (failing) throw new AgentError("MODULE_FAILED");
        },
        act: async () => undefined,
        needsReboot: async () => "No",
        supportsRollback: async () => true,
      }),
      scripts: { checkRootfsVersion: async () => undefined },
      openPayloads: async () => ({
        artifact,
        next: async () => ({ stream: { next: async () => undefined }, context: CONTEXT }),
        finish: async () => void events.push("finish"),
        close: async () => void events.push("close"),
      }),
    });
    const unknown = begin("managed", "id", { name: "unknown", provides: {}, payloadTypes: [] });
    const keep: Keep = async (found) => void events.push(`keep ${found.artifact?.name}`);
    const ended = effects.download(unknown, signal, keep);
    await (failing ? expect(ended).rejects.toMatchObject({ code: "MODULE_FAILED" }) : ended);
    const finish = failing ? [] : ["finish"];
    expect(events).toEqual(["keep v3", "prepare a", "download a", ...finish, "close"]);
    if (!failing) expect(await ended).toEqual({ outcome: "ok" });
  }
});

test("an agent without a server takes a managed row for the bug it is", async () => {
  await expect(rig().effects.reachServer(snapshot("managed"), signal)).rejects.toThrow(TypeError);
});

test("whether a payload can be rolled back is its own answer", async () => {
  expect(await rig().effects.askRollback(snapshot("managed"), signal)).toEqual({ outcome: "ok" });
  expect(await rig({ rollback: false }).effects.askRollback(snapshot("managed"), signal)).toEqual({
    outcome: "no",
  });
  await expect(rig().effects.askRollback(snapshot("managed", null), signal)).rejects.toMatchObject({
    code: "PAYLOAD_UNSUPPORTED",
  });
});

test("saveProvides writes nothing itself: the driver saves what it answers", async () => {
  const { outcome, changes } = await rig().effects.saveProvides(snapshot("managed"), signal);
  expect(outcome).toBe("ok");
  expect(Object.fromEntries(changes ?? [])).toEqual({
    "artifact-name": "v2",
    "artifact-group": undefined,
    "artifact-provides": '{"a":"1"}',
  });
});
