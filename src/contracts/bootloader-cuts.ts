import assert from "node:assert/strict";
import type { Bootloader, BootPlan, SlotId } from "../ports/bootloader.ts";
import type { BootloaderRig, CutMoment } from "./bootloader-rig.ts";
import { type ContractCheck, completes } from "./contract.ts";

const { signal } = new AbortController();
const MOMENTS: readonly CutMoment[] = ["before", "during", "after"];

/** More than any mutation needs: one that fails by itself would be cut for ever. */
const MAX_ACTS = 1000;

/** What a power-on brings, and what is planned after it. */
interface Outcome {
  readonly up: SlotId;
  readonly plan: BootPlan;
}

interface CutCase {
  readonly title: string;
  readonly arrange: (rig: BootloaderRig) => Promise<unknown>;
  readonly mutate: (boot: Bootloader) => Promise<void>;
  /** What the power-on after the cut may bring: as if the mutation had not begun, or as if it had ended. */
  readonly allowed: readonly [Outcome, ...Outcome[]];
}

const RESTING_ON_A: Outcome = { up: "A", plan: { slot: "A", trial: false } };
const RESTING_ON_B: Outcome = { up: "B", plan: { slot: "B", trial: false } };
const TRIAL_ON_B: Outcome = { up: "B", plan: { slot: "B", trial: true } };

const CASES: readonly CutCase[] = [
  {
    title: "arming",
    arrange: async () => undefined,
    mutate: (boot) => boot.arm("B", signal),
    allowed: [RESTING_ON_A, TRIAL_ON_B],
  },
  {
    title: "confirming",
    arrange: async ({ boot, reboot }) => {
      await boot.arm("B", signal);
      await reboot();
    },
    mutate: (boot) => boot.confirm(signal),
    allowed: [RESTING_ON_A, RESTING_ON_B],
  },
  {
    title: "reverting before the reboot",
    arrange: ({ boot }) => boot.arm("B", signal),
    mutate: (boot) => boot.revert("A", signal),
    allowed: [RESTING_ON_A, TRIAL_ON_B],
  },
  {
    title: "reverting after the trial's start",
    arrange: async ({ boot, reboot }) => {
      await boot.arm("B", signal);
      await reboot();
    },
    mutate: (boot) => boot.revert("A", signal),
    allowed: [RESTING_ON_A],
  },
];

/** The power fails before, in and after every durable act of every mutation. */
export const BOOTLOADER_CUT_CHECKS: readonly ContractCheck<BootloaderRig>[] = CASES.map((cut) => ({
  title: `a power cut anywhere in ${cut.title} leaves the old plan or the new one`,
  async run(rig) {
    await rig.reset();
    await cut.arrange(rig);
    await cut.mutate(rig.boot);
    let act = 1;
    while (await cutAt(rig, cut, act)) {
      act += 1;
      assert.ok(act < MAX_ACTS, `${cut.title} fails after its last durable act as well`);
    }
    assert.ok(act > 1, "the mutation has no durable act that the check can see");
  },
}));

/** @returns whether the mutation has an `act`-th durable act */
async function cutAt(rig: BootloaderRig, cut: CutCase, act: number): Promise<boolean> {
  for (const moment of MOMENTS) {
    await rig.reset();
    await cut.arrange(rig);
    rig.cutPowerAt(act, moment);
    if (await completes(cut.mutate(rig.boot))) return false;
    const up = await rig.powerCycle();
    const found = { up, plan: await rig.boot.plan(signal) };
    const where = `${cut.title}, cut ${moment} act ${act}: ${JSON.stringify(found)}`;
    assert.ok(
      cut.allowed.some(
        ({ up: slot, plan }) => slot === up && plan.slot === found.plan.slot && plan.trial === found.plan.trial,
      ),
      where,
    );
    // Whatever is on trial now is over at the next power-on: no cut takes away the way back.
    const second = await rig.powerCycle();
    assert.equal(second, found.plan.trial ? "A" : up, where);
  }
  return true;
}
