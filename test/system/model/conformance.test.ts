import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { systemClock } from "../../../adapters/clock/system-clock.ts";
import { createRootfsImageHandler } from "../../../adapters/payload/rootfs-image/handler.ts";
import { drive } from "../../../src/core/deployment/driver.ts";
import type { Effect, Effects, ReportStatus, Scripts } from "../../../src/core/deployment/driver-parts.ts";
import { createJournal } from "../../../src/core/deployment/journal.ts";
import { providesAfter } from "../../../src/core/deployment/provides-after.ts";
import { runRow } from "../../../src/core/deployment/run-row.ts";
import { begin, placeOf } from "../../../src/core/deployment/snapshot.ts";
import { type EffectName, type Outcome, type Row, TABLE } from "../../../src/core/deployment/table.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { otherSlot, type SlotId } from "../../../src/ports/bootloader.ts";
import type { ModuleAction, PayloadStream } from "../../../src/ports/payload-handler.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { endings } from "./endings.ts";
import { Exploration } from "./explore.ts";
import { call } from "./payload.ts";
import { firstWorld, SETUPS, type Setup, type World } from "./world.ts";

const signal = AbortSignal.timeout(60_000);
/** The smallest image that the handler accepts. */
const IMAGE = new Uint8Array(512);
const IMAGE_SHA256 = createHash("sha256").update(IMAGE).digest("hex");
const setup = setupOf("managed rootfs-image");

function setupOf(title: string): Setup {
  const found = SETUPS.find((one) => one.title === title);
  if (found === undefined) throw new Error(`no setup is called ${title}`);
  return found;
}

/** Runs the real handler on ports that change a world of the model. */
async function real(action: ModuleAction | "Download", before: World): Promise<World | undefined> {
  const { world, refused } = await attempt(action, before);
  if (refused) expect(world, "a refusal changes nothing").toEqual(before);
  return refused ? undefined : world;
}

/** `broken`: the boot environment can be neither read nor written. */
async function attempt(
  action: ModuleAction | "Download",
  before: World,
  broken = false,
): Promise<{ readonly world: World; readonly refused: boolean }> {
  let w = before;
  const change = (changed: Partial<World>): void => {
    w = { ...w, ...changed };
  };
  const expectUnbroken = (): void => {
    if (broken) throw new AgentError("BOOTENV_WRITE");
  };
  const handler = createRootfsImageHandler({
    bootloader: {
      kind: "model",
      booted: async () => w.booted as SlotId,
      async plan() {
        expectUnbroken();
        return { slot: w.part, trial: w.trial };
      },
      arm: async (part) => change({ part, trial: true, count: 0 }),
      confirm: async () => change({ trial: false }),
      async revert(part) {
        expectUnbroken();
        change({ part, trial: false });
      },
    },
    slots: {
      open: async (slot) => ({
        room: () => new Uint8Array(IMAGE.length),
        advance: () => change({ slots: { ...w.slots, [slot]: "torn" } }),
        checkpoint: async () => 0,
        async sync() {
          change({ slots: { ...w.slots, [slot]: "new" } });
          return { writtenBytes: IMAGE.length, skippedBytes: 0 };
        },
        close: async () => undefined,
      }),
      resumePoint: () => 0,
      async *read() {
        yield IMAGE;
      },
    },
    storedValue: {
      load: async () => w.storedValue,
      save: async (storedValue) => change({ storedValue: storedValue as World["storedValue"] }),
    },
    log: () => undefined,
    clock: systemClock,
    verifyReadback: true,
  });
  try {
    if (action === "Download") await handler.download(oneImage(), signal);
    else await handler.act(action, signal);
    return { world: w, refused: false };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { world: w, refused: true };
  }
}

function oneImage(): PayloadStream {
  const left = [0, IMAGE.length];
  const file = { name: "image", sizeBytes: IMAGE.length, sha256: IMAGE_SHA256, read: () => left.pop() ?? 0 };
  const files = [file];
  return { next: async () => files.pop() };
}

const STORED: readonly World["storedValue"][] = ["A", "B", "revert:A", "revert:B", undefined];
const CALLS = [
  "Download",
  "ArtifactInstall",
  "ArtifactVerifyReboot",
  "ArtifactCommit",
  "ArtifactRollback",
  "ArtifactVerifyRollbackReboot",
  "ArtifactFailure",
  "Cleanup",
] as const;

for (const action of CALLS) {
  test(`${action} of the modelled rootfs-image does what the real handler does, from every state of a board`, async () => {
    const slots = ["A", "B"] as const;
    for (const part of slots)
      for (const booted of slots)
        for (const storedValue of STORED)
          for (const trial of [false, true]) {
            const w: World = { ...firstWorld(setup, "none", storedValue), part, booted, trial };
            expect(await real(action, w), JSON.stringify({ part, booted, storedValue, trial })).toEqual(
              call(action, w, setup).done,
            );
          }
  });
}

for (const storedValue of STORED.filter((one) => one !== undefined)) {
  test(`a rollback and Cleanup that cannot write leave of ${storedValue} what the modelled ones may leave`, async () => {
    const origin = storedValue.endsWith("A") ? "A" : "B";
    const w: World = { ...firstWorld(setup, "none", storedValue), part: otherSlot(origin), booted: otherSlot(origin) };
    for (const trial of [false, true])
      for (const action of ["ArtifactRollback", ...(storedValue === origin ? [] : ["Cleanup" as const])] as const) {
        const { world, refused } = await attempt(action, { ...w, trial }, true);
        expect({ refused, storedValue: world.storedValue }).toEqual({ refused: true, storedValue: `revert:${origin}` });
        expect(call(action, { ...w, trial }, setup).failed).toContainEqual(world);
      }
  });
}

const WAYS: readonly (readonly [setup: string, outcomes: readonly Outcome[], end: string])[] = [
  ["standalone module", ["ok", "ok", "hold"], "@commit"],
  ["standalone module", ["ok", "fail", "ok", "ok", "no", "ok", "ok", "ok"], "idle"],
  ["standalone module without rollback", ["ok", "ok", "no", "ok", "ok", "ok", "ok"], "idle"],
  ["standalone module without rollback", ["ok", "fail", "no", "fail", "ok", "fail"], "idle"],
  ["standalone empty payload", ["no", "ok", "ok"], "idle"],
  ["standalone module", ["fail", "fail"], "idle"],
];

for (const [title, outcomes, end] of WAYS) {
  test(`${title}: the real driver goes the model's way through ${outcomes.join(", ")}`, async () => {
    expect(await driven(outcomes)).toEqual({ ...modelled(title, outcomes), place: end });
  });
}

const NO_SCRIPTS: Scripts = { run: async () => undefined };

interface Way {
  readonly states: readonly string[];
  readonly place: string;
  readonly name: string | undefined;
}

async function driven(outcomes: readonly Outcome[]): Promise<Way> {
  const disk = new Map([["artifact-name", "old"]]);
  const left = [...outcomes];
  const effect =
    (name: EffectName): Effect =>
    async (s) => {
      const outcome = left.shift() ?? "fail";
      return name === "saveProvides" ? { outcome, changes: providesAfter(s, disk) } : { outcome };
    };
  const effects = Object.fromEntries(Object.values(TABLE).map(({ run }) => [run, effect(run)])) as Effects;
  const first = begin("standalone", "id", { name: "new", provides: {}, payloadTypes: ["module"] });
  const run = await drive(
    { journal: createJournal(createMemoryStore(disk)), effects, scripts: NO_SCRIPTS },
    first,
    new Set(),
    signal,
  );
  const states = run.steps.map(({ state }) => state);
  return { states, place: placeOf(run.snapshot), name: disk.get("artifact-name") };
}

function modelled(title: string, outcomes: readonly Outcome[]): Way {
  const picked = setupOf(title);
  const exploration = new Exploration(picked, { cuts: 0, damage: false, stops: ["none"] });
  const states: string[] = [];
  let at = { world: firstWorld(picked, "none", undefined), place: "download" };
  for (const outcome of outcomes) {
    states.push(at.place);
    at = exploration.follow(at.world, outcome);
  }
  return { states, place: at.place, name: at.world.name };
}

/** What the real row runs, and how it ends, if these scripts fail; `abort`: if the server aborts the deployment. */
async function realRow(state: Working, failing: string): Promise<unknown> {
  const ran: string[] = [];
  const tell: ReportStatus = async (_, status) => {
    ran.push(`tell ${status}`);
    return failing === "abort" ? "aborted" : "told";
  };
  const effect: Effect = async () => {
    ran.push("{commitLeave}");
    return { outcome: "ok" };
  };
  const effects = Object.fromEntries(Object.values(TABLE).map(({ run }) => [run, effect])) as Effects;
  const scripts: Scripts = {
    async run(of, action) {
      const name = `${of}_${action}`;
      ran.push(name === failing ? `${name}!` : name);
      if (name === failing) throw new AgentError("SCRIPT_FAILED");
    },
  };
  const first = begin("managed", "id", { name: "new", provides: {}, payloadTypes: ["module"] });
  const parts = { journal: createJournal(createMemoryStore(new Map())), effects, scripts, reportStatus: tell };
  const { result, after } = await runRow(parts, { ...first, state }, signal);
  return { ran, outcome: result.outcome, damaged: after.inconsistent };
}

type Working = keyof typeof TABLE;

for (const [state, row] of Object.entries(TABLE) as (readonly [Working, Row])[]) {
  const sets = [row.enter && `${row.enter}_Enter`, row.leave && `${row.leave}_Leave`].filter(
    (set) => set !== undefined,
  );
  for (const failing of ["none", ...sets, ...(row.report === undefined ? [] : ["abort"])]) {
    test(`${state}, of whose scripts ${failing} fails: the modelled row runs what the real one does`, async () => {
      const world = { ...firstWorld(setup, "none", undefined), booted: "B", part: "B", trial: true } as const;
      const ways = endings({ ...row, run: "commitLeave" }, world, setup, true)
        .filter(
          ({ outcome, ran }) => outcome !== undefined && (outcome === "abort" ? "abort" : failed(ran)) === failing,
        )
        .map(({ ran, outcome, damaged = false }) => ({ ran, outcome, damaged }));
      expect(ways).toEqual([await realRow(state, failing)]);
    });
  }
}

const failed = (ran: readonly string[]): string =>
  ran.flatMap((name) => (name.endsWith("!") ? name.slice(0, -1) : [])).join() || "none";
