import { owesUndo } from "../../../adapters/payload/rootfs-image/handler.ts";
import { otherSlot, type SlotId } from "../../../src/ports/bootloader.ts";
import type { ModuleAction } from "../../../src/ports/payload-handler.ts";
import type { Setup, World } from "./world.ts";

/**
 * What one call of one payload leaves: `half` if interrupted in the middle, and `done` at the end. `undefined`: the
 * payload refuses. `failed`: every failure leaves at least this. (After an interruption just then, the rollback starts
 * again and treats both kinds of stored value alike.)
 */
export type Act = { readonly half?: World; readonly done: World; readonly failed?: World } | undefined;

type Call = ModuleAction | "Download";
type Payload = (call: Call, w: World, setup: Setup) => Act;

/** The promises of adapters/payload/rootfs-image, with which conformance.test.ts compares the real handler. */
const rootfs: Payload = (call, w, setup) => {
  const settled = !w.trial && w.booted === w.part;
  const onTrial = w.trial && w.booted === w.part;
  switch (call) {
    case "Download": {
      if (!settled) return undefined;
      const into = otherSlot(w.part);
      const fresh = { ...w, storedValue: undefined };
      const write = (image: "torn" | Setup["image"]): World => ({ ...fresh, slots: { ...w.slots, [into]: image } });
      return { half: write("torn"), done: write(setup.image) };
    }
    case "ArtifactInstall": {
      if (w.trial && w.booted !== w.part && w.storedValue === w.booted) return { done: w };
      if (!settled) return undefined;
      const half = { ...w, storedValue: w.part };
      return { half, done: { ...half, part: otherSlot(w.part), trial: true, count: 0 } };
    }
    case "ArtifactVerifyReboot":
      return onTrial ? { done: w } : undefined;
    case "ArtifactCommit":
      return onTrial ? { done: { ...w, trial: false } } : undefined;
    case "ArtifactRollback": {
      const origin = w.trial ? otherSlot(w.part) : originIn(w.storedValue);
      if (origin === undefined) return { done: w };
      return { done: { ...w, part: origin, trial: false }, failed: { ...w, storedValue: `revert:${origin}` } };
    }
    case "ArtifactVerifyRollbackReboot":
      return settled ? { done: w } : undefined;
    case "Cleanup": {
      const origin = owesUndo(w.storedValue) ? originIn(w.storedValue) : undefined;
      if (origin === undefined) return { done: { ...w, storedValue: undefined } };
      const half = { ...w, part: origin, trial: false };
      return { half, done: { ...half, storedValue: undefined } };
    }
    default:
      return { done: w };
  }
};

const originIn = (storedValue: World["storedValue"]): SlotId | undefined =>
  storedValue?.replace("revert:", "") as SlotId | undefined;

/** Mirrors src/agent/device/device.ts at a start without an update. `undefined`: nothing is owed, nothing is tried. */
export const finishUndo = (w: World, setup: Setup): Act =>
  owesUndo(w.storedValue) ? rootfs("Cleanup", w, setup) : undefined;

/** A module that changes software in place and, if it can roll back, keeps what it replaced until Cleanup. */
const module: Payload = (call, w, setup) => {
  const { files } = w;
  const put = (change: Partial<World["files"]>): World => {
    const merged = { ...files, ...change };
    return { ...w, files: setup.reboot ? merged : { ...merged, running: merged.software } };
  };
  const runs = (image: string): Act => (files.software === image && files.running === image ? { done: w } : undefined);
  switch (call) {
    case "Download":
      return { half: put({ tree: "partial" }), done: put({ tree: "payload" }) };
    case "ArtifactInstall":
      if (files.tree !== "payload") return undefined;
      return {
        half: put({ backup: setup.rollback, software: "torn" }),
        done: put({ backup: setup.rollback, software: "new" }),
      };
    case "ArtifactVerifyReboot":
      return runs("new");
    case "ArtifactCommit":
      return files.software === "new" ? { done: w } : undefined;
    case "ArtifactRollback":
      if (files.software === "old") return { done: w };
      return files.backup ? { half: put({ software: "torn" }), done: put({ software: "old" }) } : undefined;
    case "ArtifactVerifyRollbackReboot":
      return runs("old");
    case "Cleanup":
      return { done: put({ tree: "none", backup: false }) };
    default:
      return { done: w };
  }
};

/** What one call of all payloads leaves. */
export interface Acts {
  /** `undefined`: one of them refuses. */
  readonly done: World | undefined;
  /** What a failure may leave. */
  readonly failed: readonly World[];
  /** What an interruption may leave. */
  readonly cut: readonly World[];
}

const PAYLOADS: Readonly<Record<Setup["payload"], readonly Payload[]>> = {
  rootfs: [rootfs],
  module: [module],
  both: [rootfs, module],
  empty: [],
};
const BACKWARD: ReadonlySet<Call> = new Set(["ArtifactRollback", "ArtifactVerifyRollbackReboot"]);
/** Calls that try every payload, even after one has failed. */
const ALL: ReadonlySet<Call> = new Set([...BACKWARD, "ArtifactFailure", "Cleanup"]);

/** Calls the payloads in turn, like src/core/deployment/effects.ts. */
export function call(name: Call, w: World, setup: Setup): Acts {
  const payloads = PAYLOADS[setup.payload];
  const all = ALL.has(name);
  let done: World | undefined = w;
  let now = w;
  let failed: readonly World[] = [w];
  const cut = [w];
  for (const payload of BACKWARD.has(name) ? payloads.toReversed() : payloads) {
    const act = payload(name, now, setup);
    if (act === undefined) done = undefined;
    if (act === undefined && !all) break;
    const left = leftBy(act, now);
    cut.push(...left);
    failed = all ? failed.flatMap((one) => failedBy(payload(name, one, setup), one)) : cut;
    now = act?.done ?? now;
    done &&= now;
  }
  return { done, failed, cut };
}

const failedBy = (act: Act, before: World): readonly World[] => [act?.failed ?? before, ...leftBy(act, before)];

function leftBy(act: Act, before: World): readonly World[] {
  if (act === undefined) return [];
  return [...(act.half === undefined ? [] : [act.half]), ...(act.done === before ? [] : [act.done])];
}
