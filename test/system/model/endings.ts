import { providesAfter } from "../../../src/core/deployment/provides-after.ts";
import type { EffectName, Outcome, Row } from "../../../src/core/deployment/table.ts";
import type { ScriptAction, ScriptState } from "../../../src/core/scripts/names.ts";
import type { ModuleAction } from "../../../src/ports/payload-handler.ts";
import { type Acts, call } from "./payload.ts";
import { canResume, hasFiles, hasSlots, type Setup, type World } from "./world.ts";

/**
 * One way a row can end. Without an outcome, the process died before it saw one. `name` is recorded together with the
 * next snapshot. `reboots`: the device restarts, as requested.
 */
export interface Ending {
  readonly world: World;
  readonly outcome?: Outcome;
  readonly name?: string;
  readonly reboots?: true;
  /** Scripts that may fail have failed, and the snapshot already records that. */
  readonly damaged?: true;
  /** The effect has saved how far its download got. */
  readonly kept?: true;
  /** The scripts and the effect in the order in which they ran; `!` after scripts that failed. */
  readonly ran: readonly string[];
}

type EffectEnding = Omit<Ending, "ran" | "damaged">;

const ACTIONS: Partial<Record<EffectName, ModuleAction>> = {
  install: "ArtifactInstall",
  verifyReboot: "ArtifactVerifyReboot",
  commit: "ArtifactCommit",
  rollback: "ArtifactRollback",
  verifyRollbackReboot: "ArtifactVerifyRollbackReboot",
  failure: "ArtifactFailure",
  cleanup: "Cleanup",
};

/** Every way in which a row can end in this world, as src/core/deployment/run-row.ts runs it. */
export function endings(row: Row, w: World, setup: Setup, damage: boolean): readonly Ending[] {
  const effects = effectEndings(row.run, w, setup);
  const all = row.lenient === true ? lenientEndings(row, w, effects, damage) : strictEndings(row, w, effects);
  if (row.report === undefined || setup.mode === "standalone") return all;
  // It makes no difference here whether the report reached the server, only whether the server aborted the deployment.
  const tell = `tell ${row.report}`;
  return [...all.map((one) => ({ ...one, ran: [tell, ...one.ran] })), { world: w, outcome: "abort", ran: [tell] }];
}

function strictEndings(row: Row, w: World, effects: readonly EffectEnding[]): readonly Ending[] {
  const error = named(row.error, "Error");
  const enter = w.snapshot?.download === undefined ? named(row.enter, "Enter") : [];
  const leave = named(row.leave, "Leave");
  const all: Ending[] = [];
  const failed = (world: World, ran: readonly string[]): void => {
    all.push({ world, outcome: "fail", ran: [...ran, ...error] }, { world, ran });
  };
  if (enter.length > 0) failed(w, failing(enter));
  for (const ending of effects) {
    const ran = [...enter, `{${row.run}}`];
    if (ending.outcome === "fail") failed(ending.world, ran);
    else if (ending.outcome === undefined) all.push({ ...ending, ran });
    else {
      all.push({ ...ending, ran: [...ran, ...leave] }, { world: ending.world, ran });
      if (leave.length > 0) failed(ending.world, [...ran, ...failing(leave)]);
    }
  }
  return all;
}

function lenientEndings(row: Row, w: World, effects: readonly EffectEnding[], damage: boolean): readonly Ending[] {
  const error = named(row.error, "Error");
  const leave = named(row.leave, "Leave");
  const enter = named(row.enter, "Enter");
  const all: Ending[] = [{ world: w, ran: [] }];
  for (const entered of enter.length === 0 || !damage ? [enter] : [enter, failing(enter)]) {
    const isDamaged = entered !== enter;
    const told: Pick<Ending, "damaged"> = isDamaged ? { damaged: true } : {};
    const after = isDamaged ? error : [];
    for (const ending of effects) {
      const ran = [...entered, `{${row.run}}`];
      if (ending.outcome === undefined) all.push({ ...ending, ...told, ran });
      else if (ending.outcome === "fail") all.push({ ...ending, ...told, ran: [...ran, ...after] });
      else {
        all.push({ ...ending, ...told, ran: [...ran, ...leave, ...after] }, { world: ending.world, ...told, ran });
        if (leave.length > 0 && damage)
          all.push({ ...ending, damaged: true, ran: [...ran, ...failing(leave), ...error] });
      }
    }
  }
  return all;
}

const named = (state: ScriptState | undefined, action: ScriptAction): readonly string[] =>
  state === undefined ? [] : [`${state}_${action}`];
const failing = (set: readonly string[]): readonly string[] => set.map((name) => `${name}!`);

/** Every way in which the effect can end in this world. */
function effectEndings(effect: EffectName, w: World, setup: Setup): readonly EffectEnding[] {
  const standalone = setup.mode === "standalone";
  const answer = (yes: boolean): Outcome => (yes ? "ok" : "no");
  switch (effect) {
    case "download":
      if (setup.payload === "empty") return query("no", w);
      return acted(call("Download", w, setup)).flatMap((one) =>
        canResume(setup) && one.outcome === undefined ? [one, { ...one, kept: true }] : one,
      );
    case "reachServer":
      return [...query("ok", w), { world: w, outcome: "abort" }];
    case "reportResult":
      return reported(w);
    case "sendLog":
      return query("ok", w);
    case "askReboot":
      if (!standalone) return query(answer(setup.reboot || hasSlots(setup)), w);
      return query(setup.rollback || hasSlots(setup) ? "hold" : "no", w);
    case "commitLeave":
      return [{ world: w, outcome: "ok" }, { world: w }];
    case "askRollback":
      return query(answer(setup.rollback), w);
    case "askRollbackReboot":
      return standalone ? [{ world: w, outcome: "no" }, { world: w }] : query(answer(askRollbackReboot(w, setup)), w);
    case "reboot":
    case "rollbackReboot":
      return rebooted(w, setup);
    case "saveProvides": {
      const changes =
        w.snapshot === undefined ? new Map() : providesAfter(w.snapshot, new Map([["artifact-name", w.name]]));
      return [{ world: w, outcome: "ok", name: changes.get("artifact-name") ?? w.name }, { world: w }];
    }
    default: {
      const action = ACTIONS[effect];
      if (action === undefined) throw new Error(`${effect} is not modelled`);
      return acted(call(action, w, setup));
    }
  }
}

/** A rootfs image needs one only to leave the new system; a module answers as before. */
const askRollbackReboot = (w: World, setup: Setup): boolean =>
  (hasSlots(setup) && w.booted !== w.part) || (hasFiles(setup) && setup.reboot);

/** A module that reboots by itself may also reboot something other than the device, and return. */
function rebooted(w: World, setup: Setup): readonly EffectEnding[] {
  const isAutomatic = hasSlots(setup) && w.booted !== w.part;
  const isItself = hasFiles(setup) && setup.reboot;
  const running = isItself ? { ...w, files: { ...w.files, running: w.files.software } } : w;
  return [
    ...(isAutomatic || isItself ? [{ world: w, reboots: true } as const] : []),
    ...(isAutomatic ? [] : [{ world: running, outcome: "ok" } as const]),
    { world: w, outcome: "fail" },
    { world: w },
  ];
}

/** Delivered; not delivered, or only the answer lost, until it gives up; aborted; interrupted before and after. */
function reported(w: World): readonly EffectEnding[] {
  const failed = w.snapshot?.failed === true;
  const told: World = { ...w, told: failed ? "failure" : "success" };
  return [
    { world: told, outcome: failed ? "ok" : "no" },
    { world: told, outcome: "fail" },
    { world: w, outcome: "fail" },
    { world: w, outcome: "abort" },
    { world: told },
    { world: w },
  ];
}

const query = (outcome: Outcome, w: World): readonly EffectEnding[] => [
  { world: w, outcome },
  { world: w, outcome: "fail" },
  { world: w },
];

/** Done; failed before, half-way through and after acting; interrupted before, half-way through and after. */
const acted = ({ done, failed, cut }: Acts): readonly EffectEnding[] => [
  ...(done === undefined ? [] : [{ world: done, outcome: "ok" } as const]),
  ...failed.map((world): EffectEnding => ({ world, outcome: "fail" })),
  ...cut.map((world): EffectEnding => ({ world })),
];
