import { expect, test } from "vitest";
import { drive } from "../../../src/core/deployment/driver.ts";
import type { Effect, Effects } from "../../../src/core/deployment/driver-parts.ts";
import { createJournal } from "../../../src/core/deployment/journal.ts";
import { nextAfterRestart } from "../../../src/core/deployment/reducer.ts";
import { begin, parseSnapshot, type Snapshot } from "../../../src/core/deployment/snapshot.ts";
import { type EffectName, type Outcome, TABLE } from "../../../src/core/deployment/table.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { createMemoryStore } from "../../support/memory-store.ts";

const signal = new AbortController().signal;
const UNKNOWN = { name: "v2", provides: {}, payloadTypes: [] };
const ARTIFACT = { name: "v2", provides: {}, payloadTypes: ["module"] };
const DOWNLOAD = { uri: "http://server/v2", lengthBytes: 8, resumes: 0 };
const START = begin("managed", "d-1", UNKNOWN);

interface Rig {
  readonly outcomes?: Partial<Record<EffectName, Outcome>>;
  readonly effects?: Partial<Record<EffectName, Effect>>;
  readonly aborted?: string;
}

function rig({ outcomes = {}, effects: own = {}, aborted }: Rig) {
  const disk = new Map<string, string>();
  const events: string[] = [];
  const onDisk = (): Snapshot => parseSnapshot(disk.get("state") ?? "");
  const effect =
    (name: EffectName): Effect =>
    async (s, until, keep) => {
      events.push(`{${name}}`);
      return (await own[name]?.(s, until, keep)) ?? { outcome: outcomes[name] ?? "ok" };
    };
  const effects = Object.fromEntries(Object.values(TABLE).map(({ run }) => [run, effect(run)])) as Effects;
  const parts = {
    journal: createJournal(createMemoryStore(disk)),
    effects,
    scripts: { run: async (state: string, action: string) => void events.push(`${state}_${action}`) },
    reportStatus: async (_: Snapshot, status: string) => {
      events.push(`tell ${status}`);
      return status === aborted ? ("aborted" as const) : ("told" as const);
    },
  };
  const run = (from: Snapshot = START) => drive(parts, from, new Set(), signal);
  return { disk, events, onDisk, run };
}

const NO_REBOOT: Rig["outcomes"] = { askReboot: "no", reportResult: "no" };

test("the server receives each status before anything of its state runs, and the result last", async () => {
  const { disk, events, run } = rig({ outcomes: { reportResult: "no" } });
  await run();
  expect(events.join(" ")).toBe(
    "tell downloading Download_Enter {download} Download_Leave " +
      "tell installing ArtifactInstall_Enter {install} ArtifactInstall_Leave {askReboot} " +
      "tell rebooting ArtifactReboot_Enter {reboot} {verifyReboot} ArtifactReboot_Leave {reachServer} " +
      "ArtifactCommit_Enter {commit} {commitLeave} ArtifactCommit_Leave {saveProvides} {cleanup} {reportResult}",
  );
  expect(disk.has("state")).toBe(false);
});

for (const [status, runs] of [
  ["downloading", "tell downloading {cleanup} {reportResult} {sendLog}"],
  [
    "installing",
    "tell downloading Download_Enter {download} Download_Leave tell installing {cleanup} {reportResult} {sendLog}",
  ],
] as const) {
  test(`called off at ${status}, before anything is installed, so there is nothing to undo`, async () => {
    const { events, run } = rig({ aborted: status });
    await run();
    expect(events.join(" ")).toBe(runs);
  });
}

test("called off at rebooting, no script of the reboot runs, and the update is rolled back", async () => {
  const { events, run } = rig({ aborted: "rebooting", outcomes: { askRollbackReboot: "no" } });
  await run();
  expect(events.slice(events.indexOf("tell rebooting") + 1).join(" ")).toBe(
    "{askRollback} ArtifactRollback_Enter {rollback} ArtifactRollback_Leave {askRollbackReboot} " +
      "ArtifactFailure_Enter {failure} ArtifactFailure_Leave {saveProvides} {cleanup} {reportResult} {sendLog}",
  );
});

test("a standalone update is not reported", async () => {
  const { events, run } = rig({ outcomes: NO_REBOOT });
  await run(begin("standalone", "standalone", ARTIFACT));
  expect(events.filter((event) => event.startsWith("tell") || /Server|Result|Log/.test(event))).toEqual([]);
});

test("what an effect keeps is durable at once, is no transition, and is there for the states behind it", async () => {
  const seen: unknown[] = [];
  const { onDisk, run } = rig({
    outcomes: NO_REBOOT,
    effects: {
      async download(_, __, keep) {
        await keep({ artifact: ARTIFACT });
        await keep({ download: DOWNLOAD });
        const { artifact, download, transitions } = onDisk();
        seen.push({ artifact, download, transitions });
        return { outcome: "ok" };
      },
      async install({ artifact, download, transitions }) {
        seen.push({ artifact, download, transitions });
        return { outcome: "ok" };
      },
    },
  });
  await run();
  expect(seen).toEqual([
    { artifact: ARTIFACT, download: DOWNLOAD, transitions: 0 },
    { artifact: ARTIFACT, download: undefined, transitions: 1 },
  ]);
});

test("what a failing effect has kept is there for the clean-up", async () => {
  const seen: unknown[] = [];
  const { run } = rig({
    effects: {
      async download(_, __, keep) {
        await keep({ artifact: ARTIFACT });
        throw new AgentError("MODULE_FAILED");
      },
      async cleanup({ artifact }) {
        seen.push(artifact);
        return { outcome: "ok" };
      },
    },
  });
  await run();
  expect(seen).toEqual([ARTIFACT]);
});

test("a download that resumes repeats its status and runs no Enter scripts", async () => {
  const { events, run } = rig({ outcomes: NO_REBOOT });
  await run(nextAfterRestart({ ...START, artifact: ARTIFACT, download: DOWNLOAD }, 1));
  expect(events.slice(0, 3)).toEqual(["tell downloading", "{download}", "Download_Leave"]);
});
