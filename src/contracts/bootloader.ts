import type { BootPlan } from "../ports/bootloader.ts";
import { BOOTLOADER_CUT_CHECKS, planInWords } from "./bootloader-cuts.ts";
import type { BootloaderRig } from "./bootloader-rig.ts";
import { type ContractCheck, expectSame } from "./contract.ts";

const { signal } = new AbortController();
const TRIAL_ON_B = { slot: "B", trial: true } as const;
const ON_A = { slot: "A", trial: false } as const;
const ON_B = { slot: "B", trial: false } as const;

async function startTrialOnB({ boot, reboot }: BootloaderRig): Promise<void> {
  await boot.arm("B", signal);
  expectSame(await reboot(), "B", "arm B, reboot: the slot that runs");
}

async function expectPlan({ boot }: Pick<BootloaderRig, "boot">, expected: BootPlan, when: string): Promise<void> {
  expectSame(planInWords(await boot.plan(signal)), planInWords(expected), `${when}: plan`);
}

const PLAIN_CHECKS: readonly ContractCheck<BootloaderRig>[] = [
  {
    title: "a board at rest runs and plans the same slot, without a trial",
    async run({ boot, powerCycle }) {
      expectSame(await boot.booted(signal), "A", "a new board: booted");
      await expectPlan({ boot }, ON_A, "a new board");
      expectSame(await powerCycle(), "A", "a new board, switched off and on: the slot that runs");
      await expectPlan({ boot }, ON_A, "a new board, switched off and on");
    },
  },
  {
    title: "arming plans the other slot on trial and changes nothing about what runs",
    async run({ boot }) {
      await boot.arm("B", signal);
      await expectPlan({ boot }, TRIAL_ON_B, "arm B");
      expectSame(await boot.booted(signal), "A", "arm B: booted");
    },
  },
  {
    title: "what runs is asked of the running system, whatever the boot environment says",
    async run({ boot, reboot }) {
      await boot.arm("B", signal);
      expectSame(await boot.booted(signal), "A", "arm B while A runs: booted");
      await reboot();
      await boot.revert("A", signal);
      expectSame(await boot.booted(signal), "B", "arm B, reboot, revert to A while B runs: booted");
    },
  },
  {
    title: "an armed slot comes up at the next reboot, still on trial",
    async run(rig) {
      await startTrialOnB(rig);
      expectSame(await rig.boot.booted(signal), "B", "arm B, reboot: booted");
      await expectPlan(rig, TRIAL_ON_B, "arm B, reboot");
    },
  },
  {
    title: "an unconfirmed trial falls back at the second power-on, and stays there",
    async run(rig) {
      await startTrialOnB(rig);
      expectSame(await rig.powerCycle(), "A", "arm B, reboot, power-on: the slot that runs");
      expectSame(await rig.boot.booted(signal), "A", "arm B, reboot, power-on: booted");
      await expectPlan(rig, ON_A, "arm B, reboot, power-on");
      expectSame(await rig.powerCycle(), "A", "arm B, reboot, two power-ons: the slot that runs");
    },
  },
  ...(["hangs", "panics", "unloadable"] as const).map((fate) => ({
    title: `a trial whose system ${fate === "unloadable" ? "cannot be loaded" : fate} is over after at most two power-ons`,
    async run({ boot, reboot, powerCycle, setFate }: BootloaderRig): Promise<void> {
      await setFate("B", fate);
      await boot.arm("B", signal);
      const first = await reboot();
      expectSame(
        first ?? (await powerCycle()),
        "A",
        `arm B, whose system is ${fate}, two power-ons: the slot that runs`,
      );
      await expectPlan({ boot }, ON_A, `arm B, whose system is ${fate}, two power-ons`);
    },
  })),
  {
    title: "a confirmed slot survives every power-on",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.boot.confirm(signal);
      await expectPlan(rig, ON_B, "arm B, reboot, confirm");
      for (let start = 1; start <= 3; start += 1)
        expectSame(await rig.powerCycle(), "B", `arm B, reboot, confirm, power-on number ${start}: the slot that runs`);
    },
  },
  {
    title: "after a confirmed update the next one goes the other way, with its own attempt",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.boot.confirm(signal);
      await rig.boot.arm("A", signal);
      expectSame(await rig.reboot(), "A", "confirm B, arm A, reboot: the slot that runs");
      await expectPlan(rig, { slot: "A", trial: true }, "confirm B, arm A, reboot");
      expectSame(await rig.powerCycle(), "B", "confirm B, arm A, reboot, power-on: the slot that runs");
    },
  },
  {
    title: "after a fallback a new trial has its attempt again",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.powerCycle();
      await startTrialOnB(rig);
      expectSame(await rig.powerCycle(), "A", "arm B again after a fallback, reboot, power-on: the slot that runs");
    },
  },
  {
    title: "an armed slot gets no second attempt, whether the first restart is a reboot or a power cut",
    async run({ boot, powerCycle }) {
      await boot.arm("B", signal);
      const first = await powerCycle();
      await expectPlan({ boot }, first === "B" ? TRIAL_ON_B : ON_A, "arm B, power-on");
      expectSame(await powerCycle(), "A", "arm B, two power-ons: the slot that runs");
      await expectPlan({ boot }, ON_A, "arm B, two power-ons");
    },
  },
  {
    title: "reverting before the reboot cancels the trial",
    async run({ boot, reboot, powerCycle }) {
      await boot.arm("B", signal);
      await boot.revert("A", signal);
      await expectPlan({ boot }, ON_A, "arm B, revert to A");
      expectSame(await reboot(), "A", "arm B, revert to A, reboot: the slot that runs");
      for (let start = 1; start <= 2; start += 1)
        expectSame(await powerCycle(), "A", `arm B, revert to A, power-on number ${start}: the slot that runs`);
    },
  },
  {
    title: "reverting after the trial's start goes back at the next power-on, for good",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.boot.revert("A", signal);
      expectSame(await rig.boot.booted(signal), "B", "arm B, reboot, revert to A: booted");
      await expectPlan(rig, ON_A, "arm B, reboot, revert to A");
      for (let start = 1; start <= 2; start += 1)
        expectSame(
          await rig.powerCycle(),
          "A",
          `arm B, reboot, revert to A, power-on number ${start}: the slot that runs`,
        );
    },
  },
  {
    title: "each mutation done twice is the same as done once",
    async run(rig) {
      const { boot, powerCycle } = rig;
      await boot.arm("B", signal);
      await startTrialOnB(rig);
      await boot.confirm(signal);
      await boot.confirm(signal);
      await expectPlan(rig, ON_B, "arm B twice, reboot, confirm twice");
      expectSame(await powerCycle(), "B", "arm B twice, reboot, confirm twice, power-on: the slot that runs");
      await boot.revert("A", signal);
      await boot.revert("A", signal);
      await expectPlan(rig, ON_A, "revert to A twice");
      expectSame(await powerCycle(), "A", "revert to A twice, power-on: the slot that runs");
    },
  },
  {
    title: "looking repairs nothing: after a fallback the trial's end stays visible",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.powerCycle();
      for (let look = 1; look <= 2; look += 1) {
        expectSame(await rig.boot.booted(signal), "A", `after a fallback, look number ${look}: booted`);
        await expectPlan(rig, ON_A, `after a fallback, look number ${look}`);
      }
    },
  },
  {
    title: "asking whether the storage can be written changes nothing, and a board at rest and one on trial can be",
    async run(rig) {
      const { boot, powerCycle } = rig;
      await boot.expectWritable?.(signal);
      await expectPlan(rig, ON_A, "asked at rest whether the storage can be written");
      await startTrialOnB(rig);
      await boot.expectWritable?.(signal);
      await expectPlan(rig, TRIAL_ON_B, "asked during a trial whether the storage can be written");
      expectSame(await powerCycle(), "A", "asked during a trial, power-on: the slot that runs");
    },
  },
  {
    title: "what is cancelled before it begins changes nothing",
    async run({ boot, powerCycle }) {
      const reason = new Error("cancelled");
      const cancelled = AbortSignal.abort(reason);
      for (const mutation of [() => boot.arm("B", cancelled), () => boot.revert("B", cancelled)]) {
        const found = await mutation().then(
          () => "it was answered as done",
          (error: unknown) => error,
        );
        expectSame(found, reason, "a change that is cancelled before it begins");
      }
      await expectPlan({ boot }, ON_A, "after changes that were cancelled");
      expectSame(await powerCycle(), "A", "after changes that were cancelled, power-on: the slot that runs");
    },
  },
];

/** The promises of the `Bootloader` port. Every implementation must keep them. */
export const BOOTLOADER_CONTRACT: readonly ContractCheck<BootloaderRig>[] = [...PLAIN_CHECKS, ...BOOTLOADER_CUT_CHECKS];
