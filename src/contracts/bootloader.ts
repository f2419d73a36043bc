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
  expectSame(await reboot(), "B", "arm B, reboot: running slot");
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
      expectSame(await powerCycle(), "A", "a new board after a power cycle: running slot");
      await expectPlan({ boot }, ON_A, "a new board after a power cycle");
    },
  },
  {
    title: "arming plans the other slot on trial and leaves the running slot unchanged",
    async run({ boot }) {
      await boot.arm("B", signal);
      await expectPlan({ boot }, TRIAL_ON_B, "arm B");
      expectSame(await boot.booted(signal), "A", "arm B: booted");
    },
  },
  {
    title: "the adapter reads the running slot from the running system, never from the boot environment",
    async run({ boot, reboot }) {
      await boot.arm("B", signal);
      expectSame(await boot.booted(signal), "A", "arm B while A runs: booted");
      await reboot();
      await boot.revert("A", signal);
      expectSame(await boot.booted(signal), "B", "arm B, reboot, revert to A while B runs: booted");
    },
  },
  {
    title: "the next reboot starts the armed slot, still on trial",
    async run(rig) {
      await startTrialOnB(rig);
      expectSame(await rig.boot.booted(signal), "B", "arm B, reboot: booted");
      await expectPlan(rig, TRIAL_ON_B, "arm B, reboot");
    },
  },
  {
    title: "the boot loader falls back from an unconfirmed trial at the second power-on and keeps the old slot",
    async run(rig) {
      await startTrialOnB(rig);
      expectSame(await rig.powerCycle(), "A", "arm B, reboot, power-on: running slot");
      expectSame(await rig.boot.booted(signal), "A", "arm B, reboot, power-on: booted");
      await expectPlan(rig, ON_A, "arm B, reboot, power-on");
      expectSame(await rig.powerCycle(), "A", "arm B, reboot, two power-ons: running slot");
    },
  },
  ...(["hangs", "panics", "unloadable"] as const).map((fate) => ({
    title: `the boot loader ends a trial within two power-ons if its system ${fate === "unloadable" ? "cannot be loaded" : fate}`,
    async run({ boot, reboot, powerCycle, setFate }: BootloaderRig): Promise<void> {
      await setFate("B", fate);
      await boot.arm("B", signal);
      const first = await reboot();
      expectSame(first ?? (await powerCycle()), "A", `arm B (system: ${fate}), two power-ons: running slot`);
      await expectPlan({ boot }, ON_A, `arm B (system: ${fate}), two power-ons`);
    },
  })),
  {
    title: "a confirmed slot boots at every power-on",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.boot.confirm(signal);
      await expectPlan(rig, ON_B, "arm B, reboot, confirm");
      for (let start = 1; start <= 3; start += 1)
        expectSame(await rig.powerCycle(), "B", `arm B, reboot, confirm, power-on ${start}: running slot`);
    },
  },
  {
    title: "after a confirmed update, the next update gets its own trial in the other slot",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.boot.confirm(signal);
      await rig.boot.arm("A", signal);
      expectSame(await rig.reboot(), "A", "confirm B, arm A, reboot: running slot");
      await expectPlan(rig, { slot: "A", trial: true }, "confirm B, arm A, reboot");
      expectSame(await rig.powerCycle(), "B", "confirm B, arm A, reboot, power-on: running slot");
    },
  },
  {
    title: "after a fallback, a new trial gets a new attempt",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.powerCycle();
      await startTrialOnB(rig);
      expectSame(await rig.powerCycle(), "A", "arm B again after a fallback, reboot, power-on: running slot");
    },
  },
  {
    title: "the boot loader tries an armed slot only once, whether the first restart is a reboot or a power cut",
    async run({ boot, powerCycle }) {
      await boot.arm("B", signal);
      const first = await powerCycle();
      await expectPlan({ boot }, first === "B" ? TRIAL_ON_B : ON_A, "arm B, power-on");
      expectSame(await powerCycle(), "A", "arm B, two power-ons: running slot");
      await expectPlan({ boot }, ON_A, "arm B, two power-ons");
    },
  },
  {
    title: "reverting before the reboot cancels the trial",
    async run({ boot, reboot, powerCycle }) {
      await boot.arm("B", signal);
      await boot.revert("A", signal);
      await expectPlan({ boot }, ON_A, "arm B, revert to A");
      expectSame(await reboot(), "A", "arm B, revert to A, reboot: running slot");
      for (let start = 1; start <= 2; start += 1)
        expectSame(await powerCycle(), "A", `arm B, revert to A, power-on ${start}: running slot`);
    },
  },
  {
    title: "reverting during a trial returns to the old slot at the next power-on, permanently",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.boot.revert("A", signal);
      expectSame(await rig.boot.booted(signal), "B", "arm B, reboot, revert to A: booted");
      await expectPlan(rig, ON_A, "arm B, reboot, revert to A");
      for (let start = 1; start <= 2; start += 1)
        expectSame(await rig.powerCycle(), "A", `arm B, reboot, revert to A, power-on ${start}: running slot`);
    },
  },
  {
    title: "a repeated arm, confirm or revert has no further effect",
    async run(rig) {
      const { boot, powerCycle } = rig;
      await boot.arm("B", signal);
      await startTrialOnB(rig);
      await boot.confirm(signal);
      await boot.confirm(signal);
      await expectPlan(rig, ON_B, "arm B twice, reboot, confirm twice");
      expectSame(await powerCycle(), "B", "arm B twice, reboot, confirm twice, power-on: running slot");
      await boot.revert("A", signal);
      await boot.revert("A", signal);
      await expectPlan(rig, ON_A, "revert to A twice");
      expectSame(await powerCycle(), "A", "revert to A twice, power-on: running slot");
    },
  },
  {
    title: "booted and plan change nothing: after a fallback, they still show that the trial is over",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.powerCycle();
      for (let look = 1; look <= 2; look += 1) {
        expectSame(await rig.boot.booted(signal), "A", `after a fallback, look ${look}: booted`);
        await expectPlan(rig, ON_A, `after a fallback, look ${look}`);
      }
    },
  },
  {
    title: "the check for writable storage passes at rest and during a trial, and changes nothing",
    async run(rig) {
      const { boot, powerCycle } = rig;
      await boot.expectWritable?.(signal);
      await expectPlan(rig, ON_A, "check for writable storage at rest");
      await startTrialOnB(rig);
      await boot.expectWritable?.(signal);
      await expectPlan(rig, TRIAL_ON_B, "check for writable storage during a trial");
      expectSame(await powerCycle(), "A", "check for writable storage during a trial, power-on: running slot");
    },
  },
  {
    title: "arm and revert change nothing if they are cancelled before they begin",
    async run({ boot, powerCycle }) {
      const reason = new Error("cancelled");
      const cancelled = AbortSignal.abort(reason);
      for (const mutation of [() => boot.arm("B", cancelled), () => boot.revert("B", cancelled)]) {
        const found = await mutation().then(
          () => "success",
          (error: unknown) => error,
        );
        expectSame(found, reason, "a change that was cancelled before it began");
      }
      await expectPlan({ boot }, ON_A, "after cancelled changes");
      expectSame(await powerCycle(), "A", "after cancelled changes, power-on: running slot");
    },
  },
];

/** The promises of the `Bootloader` port. Every implementation must keep them. */
export const BOOTLOADER_CONTRACT: readonly ContractCheck<BootloaderRig>[] = [...PLAIN_CHECKS, ...BOOTLOADER_CUT_CHECKS];
