import type { Bootloader, BootPlan, SlotId } from "../ports/bootloader.ts";
import type { BootloaderRig, CutMoment } from "./bootloader-rig.ts";
import { type ContractCheck, completes, cutInWords, expectSame, expectThat } from "./contract.ts";

const { signal } = new AbortController();
const MOMENTS: readonly CutMoment[] = ["before", "during", "after"];

/**
 * More acts than any mutation has. Without this limit, a mutation that fails without a power cut would loop for ever.
 */
const MAX_ACTS = 1000;

/** What a power-on boots, and the plan afterwards. */
interface Outcome {
  readonly up: SlotId;
  readonly plan: BootPlan;
}

interface ChangeOfPlans {
  readonly title: string;
  readonly arrange: (rig: BootloaderRig) => Promise<unknown>;
  readonly mutate: (boot: Bootloader) => Promise<void>;
  /** Outcomes that the power-on after the cut may have: the change did not begin, or (the last one) it completed. */
  readonly allowed: readonly [Outcome, ...Outcome[]];
}

const RESTING_ON_A: Outcome = { up: "A", plan: { slot: "A", trial: false } };
const RESTING_ON_B: Outcome = { up: "B", plan: { slot: "B", trial: false } };
const TRIAL_ON_B: Outcome = { up: "B", plan: { slot: "B", trial: true } };

/** Every change, and the outcomes allowed when it is interrupted or fails. */
export const CHANGES_OF_PLANS: readonly ChangeOfPlans[] = [
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
    title: "reverting during a trial",
    arrange: async ({ boot, reboot }) => {
      await boot.arm("B", signal);
      await reboot();
    },
    mutate: (boot) => boot.revert("A", signal),
    allowed: [RESTING_ON_A],
  },
];

/** Cuts the power before, during and after every durable act of every mutation. */
export const BOOTLOADER_CUT_CHECKS: readonly ContractCheck<BootloaderRig>[] = CHANGES_OF_PLANS.map((cut) => ({
  title: `a power cut anywhere in ${cut.title} leaves the old plan or the new one`,
  async run(rig) {
    await rig.reset();
    await cut.arrange(rig);
    await cut.mutate(rig.boot);
    let act = 1;
    while (await cutAt(rig, cut, act)) {
      act += 1;
      expectThat(act < MAX_ACTS, `${cut.title} still fails when the power cut comes after its last write`);
    }
    expectThat(act > 1, `the adapter reported success for ${cut.title}, but the check saw no write`);
  },
}));

/** @returns whether the mutation has an `act`-th durable act */
async function cutAt(rig: BootloaderRig, cut: ChangeOfPlans, act: number): Promise<boolean> {
  for (const moment of MOMENTS) {
    await rig.reset();
    await cut.arrange(rig);
    rig.cutPowerAt(act, moment);
    if (await completes(cut.mutate(rig.boot))) return false;
    const where = `${cut.title}, with the power cut ${cutInWords(rig, moment, act)}`;
    await expectOutcome(rig, await rig.powerCycle(), cut.allowed, where);
  }
  return true;
}

/** @param up the slot that the power-on booted */
export async function expectOutcome(
  rig: BootloaderRig,
  up: SlotId | undefined,
  allowed: readonly Outcome[],
  where: string,
): Promise<void> {
  const found = { up, plan: await rig.boot.plan(signal) };
  const isAllowed = allowed.some((outcome) => inWords(outcome) === inWords(found));
  expectThat(isAllowed, `${where}: found ${inWords(found)}; expected ${allowed.map(inWords).join(", or ")}`);
  // Any trial is over at the next power-on: a cut must never take away the way back.
  const second = await rig.powerCycle();
  expectSame(second, found.plan.trial ? "A" : up, `${where}, then one more power-on: running slot`);
}

const inWords = ({ up, plan }: { readonly up: SlotId | undefined; readonly plan: BootPlan }): string =>
  `${up === undefined ? "no slot runs" : `slot ${up} runs`} and the plan is ${planInWords(plan)}`;

export const planInWords = ({ slot, trial }: BootPlan): string =>
  `slot ${slot}, ${trial ? "on trial" : "without a trial"}`;
