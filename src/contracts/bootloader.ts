import assert from "node:assert/strict";
import { BOOTLOADER_CUT_CHECKS } from "./bootloader-cuts.ts";
import type { BootloaderRig } from "./bootloader-rig.ts";
import type { ContractCheck } from "./contract.ts";

const { signal } = new AbortController();
const TRIAL_ON_B = { slot: "B", trial: true } as const;
const ON_A = { slot: "A", trial: false } as const;
const ON_B = { slot: "B", trial: false } as const;

async function startTrialOnB({ boot, reboot }: BootloaderRig): Promise<void> {
  await boot.arm("B", signal);
  assert.equal(await reboot(), "B");
}

const PLAIN_CHECKS: readonly ContractCheck<BootloaderRig>[] = [
  {
    title: "a board at rest runs and plans the same slot, without a trial",
    async run({ boot, powerCycle }) {
      assert.equal(await boot.booted(signal), "A");
      assert.deepEqual(await boot.plan(signal), ON_A);
      assert.equal(await powerCycle(), "A");
      assert.deepEqual(await boot.plan(signal), ON_A);
    },
  },
  {
    title: "arming plans the other slot on trial and changes nothing about what runs",
    async run({ boot }) {
      await boot.arm("B", signal);
      assert.deepEqual(await boot.plan(signal), TRIAL_ON_B);
      assert.equal(await boot.booted(signal), "A");
    },
  },
  {
    title: "what runs is asked of the running system, whatever the boot environment says",
    async run({ boot, reboot }) {
      await boot.arm("B", signal);
      assert.equal(await boot.booted(signal), "A", "booted, when B is armed and A runs");
      await reboot();
      await boot.revert("A", signal);
      assert.equal(await boot.booted(signal), "B", "booted, when A is planned and B runs");
    },
  },
  {
    title: "an armed slot comes up at the next reboot, still on trial",
    async run(rig) {
      await startTrialOnB(rig);
      assert.equal(await rig.boot.booted(signal), "B");
      assert.deepEqual(await rig.boot.plan(signal), TRIAL_ON_B);
    },
  },
  {
    title: "an unconfirmed trial falls back at the second power-on, and stays there",
    async run(rig) {
      await startTrialOnB(rig);
      assert.equal(await rig.powerCycle(), "A");
      assert.equal(await rig.boot.booted(signal), "A");
      assert.deepEqual(await rig.boot.plan(signal), ON_A);
      assert.equal(await rig.powerCycle(), "A");
    },
  },
  ...(["hangs", "panics", "unloadable"] as const).map((fate) => ({
    title: `a trial whose system ${fate === "unloadable" ? "cannot be loaded" : fate} is over after at most two power-ons`,
    async run({ boot, reboot, powerCycle, setFate }: BootloaderRig): Promise<void> {
      await setFate("B", fate);
      await boot.arm("B", signal);
      const first = await reboot();
      assert.equal(first ?? (await powerCycle()), "A");
      assert.deepEqual(await boot.plan(signal), ON_A);
    },
  })),
  {
    title: "a confirmed slot survives every power-on",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.boot.confirm(signal);
      assert.deepEqual(await rig.boot.plan(signal), ON_B);
      for (let start = 0; start < 3; start += 1) assert.equal(await rig.powerCycle(), "B");
    },
  },
  {
    title: "after a confirmed update the next one goes the other way, with its own attempt",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.boot.confirm(signal);
      await rig.boot.arm("A", signal);
      assert.equal(await rig.reboot(), "A");
      assert.deepEqual(await rig.boot.plan(signal), { slot: "A", trial: true });
      assert.equal(await rig.powerCycle(), "B");
    },
  },
  {
    title: "after a fallback a new trial has its attempt again",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.powerCycle();
      await startTrialOnB(rig);
      assert.equal(await rig.powerCycle(), "A");
    },
  },
  {
    title: "an armed slot gets no second attempt, whether the first restart is a reboot or a power cut",
    async run({ boot, powerCycle }) {
      await boot.arm("B", signal);
      const first = await powerCycle();
      assert.deepEqual(await boot.plan(signal), first === "B" ? TRIAL_ON_B : ON_A);
      assert.equal(await powerCycle(), "A");
      assert.deepEqual(await boot.plan(signal), ON_A);
    },
  },
  {
    title: "reverting before the reboot cancels the trial",
    async run({ boot, reboot, powerCycle }) {
      await boot.arm("B", signal);
      await boot.revert("A", signal);
      assert.deepEqual(await boot.plan(signal), ON_A);
      assert.equal(await reboot(), "A");
      for (let start = 0; start < 2; start += 1) assert.equal(await powerCycle(), "A");
    },
  },
  {
    title: "reverting after the trial's start goes back at the next power-on, for good",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.boot.revert("A", signal);
      assert.equal(await rig.boot.booted(signal), "B");
      assert.deepEqual(await rig.boot.plan(signal), ON_A);
      for (let start = 0; start < 2; start += 1) assert.equal(await rig.powerCycle(), "A");
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
      assert.deepEqual(await boot.plan(signal), ON_B);
      assert.equal(await powerCycle(), "B");
      await boot.revert("A", signal);
      await boot.revert("A", signal);
      assert.deepEqual(await boot.plan(signal), ON_A);
      assert.equal(await powerCycle(), "A");
    },
  },
  {
    title: "looking repairs nothing: after a fallback the trial's end stays visible",
    async run(rig) {
      await startTrialOnB(rig);
      await rig.powerCycle();
      for (let look = 0; look < 2; look += 1) {
        assert.equal(await rig.boot.booted(signal), "A");
        assert.deepEqual(await rig.boot.plan(signal), ON_A);
      }
    },
  },
  {
    title: "asking whether the storage can be written changes nothing, and a board at rest and one on trial can be",
    async run(rig) {
      const { boot, powerCycle } = rig;
      await boot.expectWritable?.(signal);
      assert.deepEqual(await boot.plan(signal), ON_A);
      await startTrialOnB(rig);
      await boot.expectWritable?.(signal);
      assert.deepEqual(await boot.plan(signal), TRIAL_ON_B);
      assert.equal(await powerCycle(), "A");
    },
  },
  {
    title: "what is cancelled before it begins changes nothing",
    async run({ boot, powerCycle }) {
      const reason = new Error("cancelled");
      const cancelled = AbortSignal.abort(reason);
      for (const mutation of [() => boot.arm("B", cancelled), () => boot.revert("B", cancelled)]) {
        await assert.rejects(mutation, reason);
      }
      assert.deepEqual(await boot.plan(signal), ON_A);
      assert.equal(await powerCycle(), "A");
    },
  },
];

/** The promises of the port `Bootloader`, for every implementation of it. */
export const BOOTLOADER_CONTRACT: readonly ContractCheck<BootloaderRig>[] = [...PLAIN_CHECKS, ...BOOTLOADER_CUT_CHECKS];
