import { recordOf } from "../../src/core/deployment/record.ts";
import type { EffectName, Outcome } from "../../src/core/deployment/table.ts";
import type { ModuleAction } from "../../src/ports/payload-handler.ts";
import { type Act, call } from "./payload.ts";
import type { Setup, World } from "./world.ts";

/**
 * One way an effect can end. Without an outcome the process did not live to see one. `name` is recorded
 * together with the next snapshot. `reboots`: the device restarts, as it was asked to.
 */
export interface Ending {
  readonly world: World;
  readonly outcome?: Outcome;
  readonly name?: string;
  readonly reboots?: true;
}

const ACTIONS: Partial<Record<EffectName, ModuleAction>> = {
  installPayload: "ArtifactInstall",
  verifyReboot: "ArtifactVerifyReboot",
  commitPayload: "ArtifactCommit",
  rollbackPayload: "ArtifactRollback",
  verifyRollbackReboot: "ArtifactVerifyRollbackReboot",
  reportFailure: "ArtifactFailure",
  cleanUp: "Cleanup",
};

/** Every way in which the effect can end in this world. */
export function endings(effect: EffectName, w: World, setup: Setup): readonly Ending[] {
  const standalone = setup.mode === "standalone";
  const answer = (yes: boolean): Outcome => (yes ? "ok" : "no");
  switch (effect) {
    case "streamPayload":
      return setup.payload === "empty" ? query("no", w) : acted(call("Download", w, setup), w);
    case "needsReboot":
      if (!standalone) return query(answer(setup.reboot), w);
      return query(setup.rollback ? "hold" : "no", w);
    case "supportsRollback":
      return query(answer(setup.rollback), w);
    case "needsRollbackReboot":
      return standalone ? [{ world: w, outcome: "no" }, { world: w }] : query(answer(needsRollbackReboot(w, setup)), w);
    case "reboot":
    case "rollbackReboot":
      return [{ world: w, reboots: true }, { world: w, outcome: "fail" }, { world: w }];
    case "saveProvides": {
      const changes = w.snapshot === undefined ? new Map() : recordOf(w.snapshot, new Map([["artifact-name", w.name]]));
      return [{ world: w, outcome: "ok", name: changes.get("artifact-name") ?? w.name }, { world: w }];
    }
    default: {
      const action = ACTIONS[effect];
      if (action === undefined) throw new Error(`${effect} is not modelled`);
      return acted(call(action, w, setup), w);
    }
  }
}

/** A rootfs image needs one only to leave the new system; a module answers as before. */
const needsRollbackReboot = (w: World, { payload, reboot }: Setup): boolean =>
  payload === "rootfs" ? w.booted !== w.part : reboot;

const query = (outcome: Outcome, w: World): readonly Ending[] => [
  { world: w, outcome },
  { world: w, outcome: "fail" },
  { world: w },
];

/** Done; failed before, half-way and after acting; cut off before, half-way and after. */
function acted(act: Act, w: World): readonly Ending[] {
  if (act === undefined) return [{ world: w, outcome: "fail" }, { world: w }];
  const left = [w, ...(act.half === undefined ? [] : [act.half]), ...(act.done === w ? [] : [act.done])];
  return [
    { world: act.done, outcome: "ok" },
    ...left.map((world): Ending => ({ world, outcome: "fail" })),
    ...left.map((world): Ending => ({ world })),
  ];
}
