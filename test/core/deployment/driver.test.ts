import { expect, test } from "vitest";
import { drive, type Run } from "../../../src/core/deployment/driver.ts";
import type { Effect, Effects, Scripts } from "../../../src/core/deployment/driver-parts.ts";
import { createJournal } from "../../../src/core/deployment/journal.ts";
import { begin, parseSnapshot, placeOf } from "../../../src/core/deployment/snapshot.ts";
import { type EffectName, type StateName, TABLE } from "../../../src/core/deployment/table.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { createMemoryStore } from "../../support/memory-store.ts";

const START = begin("standalone", "id", { name: "v2", provides: {}, payloadTypes: ["rootfs-image"] });
const NO_STOP: ReadonlySet<StateName> = new Set();

interface Rig {
  readonly disk: Map<string, string>;
  /** Saves and effects in the order in which they happened. */
  readonly events: string[];
  run(stopBefore?: ReadonlySet<StateName>, signal?: AbortSignal): Promise<Run>;
}

function rig(
  own: Partial<Record<EffectName, Effect>>,
  at: (moment: "before" | "after") => void = () => undefined,
): Rig {
  const disk = new Map([["artifact-name", "v1"]]);
  const events: string[] = [];
  const place = (): string => placeOf(parseSnapshot(disk.get("state") ?? ""));
  const store = createMemoryStore(disk, {
    at(moment) {
      at(moment);
      if (moment === "after")
        events.push(`save ${disk.has("state") ? place() : "idle"} as ${disk.get("artifact-name")}`);
    },
  });
  const effect =
    (name: EffectName): Effect =>
    async (s, signal, keep) => {
      events.push(`run ${name}`);
      return (await own[name]?.(s, signal, keep)) ?? { outcome: "ok" };
    };
  const effects = Object.fromEntries(Object.values(TABLE).map(({ run }) => [run, effect(run)])) as Effects;
  const scripts: Scripts = { run: async () => undefined };
  const run: Rig["run"] = (stop = NO_STOP, signal = new AbortController().signal) =>
    drive({ journal: createJournal(store), effects, scripts }, START, stop, signal);
  return { disk, events, run };
}

const EMPTY: Effect = async () => ({ outcome: "no" });
const RECORD: Effect = async () => ({ outcome: "ok", changes: new Map([["artifact-name", "v2"]]) });

test("every snapshot is saved before its effect runs, and changes together with the next one", async () => {
  const { events, run } = rig({ download: EMPTY, saveProvides: RECORD });
  expect((await run()).snapshot.state).toBe("idle");
  expect(events).toEqual([
    "save download as v1",
    "run download",
    "save saveProvides as v1",
    "run saveProvides",
    "save cleanup as v2",
    "run cleanup",
    "save idle as v2",
  ]);
});

for (const moment of ["before", "after"] as const) {
  test(`a power cut ${moment} any save leaves the old snapshot and record, or the new ones`, async () => {
    const left: string[] = [];
    for (let cut = 0; cut < 4; cut += 1) {
      let saves = 0;
      const { disk, run } = rig({ download: EMPTY, saveProvides: RECORD }, (now) => {
        if (now === moment && saves++ === cut) throw new Error("power cut");
      });
      await expect(run()).rejects.toThrow("power cut");
      const state = disk.get("state");
      left.push(`${state === undefined ? "nothing" : parseSnapshot(state).state} ${disk.get("artifact-name")}`);
    }
    const all = ["nothing v1", "download v1", "saveProvides v1", "cleanup v2", "nothing v2"];
    expect(left).toEqual(moment === "before" ? all.slice(0, 4) : all.slice(1));
  });
}

test("a named failure is an outcome, and the run reports it", async () => {
  const failure = new AgentError("SLOT_IO");
  const { run } = rig({ download: () => Promise.reject(failure) });
  expect((await run()).steps).toEqual([
    { state: "download", outcome: "fail", rebootRequired: false, errors: [failure] },
    { state: "cleanup", outcome: "ok", rebootRequired: false, errors: [] },
  ]);
});

test("a named failure where no failure is foreseen passes through and leaves the snapshot", async () => {
  const { disk, run } = rig({
    download: EMPTY,
    saveProvides: () => Promise.reject(new AgentError("STORE_READ")),
  });
  await expect(run()).rejects.toMatchObject({ code: "STORE_READ" });
  expect(parseSnapshot(disk.get("state") ?? "")).toMatchObject({ state: "saveProvides", phase: "main" });
});

test("a bug passes through and leaves the snapshot for the crash column", async () => {
  const { disk, run } = rig({ install: () => Promise.reject(new TypeError("bug")) });
  await expect(run()).rejects.toThrow("bug");
  expect(parseSnapshot(disk.get("state") ?? "").state).toBe("install");
});

test("an abort passes through, whatever the effect does with it, and leaves the snapshot", async () => {
  const abort = new AbortController();
  const { disk, events, run } = rig({
    install: () => {
      abort.abort(new Error("stopped"));
      return Promise.reject(new AgentError("SLOT_IO"));
    },
  });
  await expect(run(NO_STOP, abort.signal)).rejects.toThrow("stopped");
  expect(parseSnapshot(disk.get("state") ?? "").state).toBe("install");
  expect(events.at(-1)).toBe("run install");
});

test("after an abort at the end of an effect neither its scripts nor the next effect begin", async () => {
  const abort = new AbortController();
  const { events, run } = rig({
    download: async () => {
      abort.abort(new Error("stopped"));
      return { outcome: "ok" };
    },
  });
  await expect(run(NO_STOP, abort.signal)).rejects.toThrow("stopped");
  expect(events).toEqual(["save download as v1", "run download"]);
});

test("the run rests before a state of --stop-before, even before the first", async () => {
  const { disk, events, run } = rig({});
  expect(placeOf((await run(new Set(["install"]))).snapshot)).toBe("@install");
  expect(parseSnapshot(disk.get("state") ?? "")).toMatchObject({ state: "install", phase: "before", transitions: 0 });
  expect(events).toEqual(["save download as v1", "run download", "save @install as v1"]);
  const first = rig({});
  await first.run(new Set(["download"]));
  expect(first.events).toEqual(["save @download as v1"]);
});

test("a step reports that a reboot is needed", async () => {
  const { run } = rig({ askReboot: async () => ({ outcome: "hold", rebootRequired: true }) });
  expect((await run()).steps.map(({ state, rebootRequired }) => `${state} ${rebootRequired}`)).toEqual([
    "download false",
    "install false",
    "askReboot true",
  ]);
});
