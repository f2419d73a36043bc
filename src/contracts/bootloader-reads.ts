import type { Bootloader } from "../ports/bootloader.ts";
import { CHANGES_OF_PLANS, expectOutcome, planInWords } from "./bootloader-cuts.ts";
import type { BootloaderRig } from "./bootloader-rig.ts";
import { type ContractCheck, expectSame } from "./contract.ts";
import { type FailingReadsRig, failEachRead } from "./failing-reads.ts";

type Rig = BootloaderRig & FailingReadsRig;

const { signal } = new AbortController();

const STATES: Readonly<Record<string, (rig: Rig) => Promise<unknown>>> = {
  "at rest": async () => undefined,
  "with B armed": ({ boot }) => boot.arm("B", signal),
  "during a trial": async ({ boot, reboot }) => {
    await boot.arm("B", signal);
    await reboot();
  },
};

const QUERIES: Readonly<Record<string, (boot: Bootloader) => Promise<string>>> = {
  booted: (boot) => boot.booted(signal),
  plan: async (boot) => planInWords(await boot.plan(signal)),
};

/**
 * Promises for storage that cannot be read: a wrong guess is worse than a failure, because the agent retries a failure.
 */
export const BOOTLOADER_READ_CONTRACT: readonly ContractCheck<Rig>[] = [
  ...Object.entries(QUERIES).map(([name, query]) => ({
    title: `if a read fails, ${name} fails or gives the same answer`,
    async run(rig: Rig): Promise<void> {
      for (const [state, arrange] of Object.entries(STATES)) {
        await rig.reset();
        await arrange(rig);
        const expected = await query(rig.boot);
        const ask = () => query(rig.boot);
        const same = async () => undefined;
        await failEachRead(rig, same, ask, async (outcome) => {
          if ("answer" in outcome)
            expectSame(outcome.answer, expected, `${name} ${state}, while reads of ${outcome.unread} fail`);
        });
      }
    },
  })),
  ...CHANGES_OF_PLANS.map(({ title, arrange, mutate, allowed }) => ({
    title: `if a read fails, ${title} fails or completes`,
    async run(rig: Rig): Promise<void> {
      const prepare = async () => {
        await rig.reset();
        await arrange(rig);
      };
      await failEachRead(
        rig,
        prepare,
        () => mutate(rig.boot),
        async (outcome) => {
          const done = "answer" in outcome;
          const where = `${title} ${done ? "succeeded" : "failed"} while reads of ${outcome.unread} failed`;
          // After a failed mutation the agent requests no reboot into a trial, so a power cycle comes next.
          const up = await (done ? rig.reboot() : rig.powerCycle());
          await expectOutcome(rig, up, done ? allowed.slice(-1) : allowed, where);
        },
      );
    },
  })),
];
