import { describe, expect, test } from "vitest";
import { BOOTLOADER_CONTRACT } from "../../src/contracts/bootloader.ts";
import type { BootEnv } from "../../src/ports/boot-env.ts";
import { makeFakeRig, type Spoil } from "./bootloader-rigs.ts";

describe("fake", () => {
  for (const check of BOOTLOADER_CONTRACT) {
    test(check.title, async () => {
      const rig = await makeFakeRig();
      try {
        await check.run(rig);
      } finally {
        await rig.dispose();
      }
    });
  }
});

const without =
  (...keys: readonly string[]) =>
  (env: BootEnv): BootEnv => ({
    ...env,
    write: (pairs, signal) => env.write(new Map([...pairs].filter(([key]) => !keys.includes(key))), signal),
  });

/** Adapters, each with one likely mistake. */
const MISTAKES: Readonly<Record<string, Spoil>> = {
  "never resets bootcount": { env: without("bootcount") },
  "forgets the hexadecimal number": { env: without("mender_boot_part_hex") },
  "never marks or ends a trial": { env: without("upgrade_available") },
  "writes one variable after the other": {
    env: (env) => ({
      ...env,
      async write(pairs, signal) {
        for (const pair of pairs) await env.write(new Map([pair]), signal);
      },
    }),
  },
  "reads the running slot from the environment": {
    boot: (boot) => ({ ...boot, booted: async (signal) => (await boot.plan(signal)).slot }),
  },
  "confirms nothing": { boot: (boot) => ({ ...boot, confirm: async () => undefined }) },
  "reverts to the planned slot": {
    boot: (boot) => ({ ...boot, revert: async (_slot, signal) => boot.revert((await boot.plan(signal)).slot, signal) }),
  },
  "arms without a trial": { boot: (boot) => ({ ...boot, arm: (slot, signal) => boot.revert(slot, signal) }) },
  "repairs upgrade_available when it reads the plan": {
    boot: (boot) => ({
      ...boot,
      async plan(signal) {
        const plan = await boot.plan(signal);
        if (!plan.trial) await boot.arm(plan.slot, signal);
        return plan;
      },
    }),
  },
  "continues after it was cancelled": {
    boot: (boot) => ({ ...boot, arm: (slot) => boot.arm(slot, new AbortController().signal) }),
  },
};

/** Title of the first check that fails, or `undefined` when all pass. */
async function firstBroken(spoil: Spoil): Promise<string | undefined> {
  for (const check of BOOTLOADER_CONTRACT) {
    const rig = await makeFakeRig(spoil);
    try {
      await check.run(rig);
    } catch {
      // ignored: this is the failure that is looked for.
      return check.title;
    } finally {
      await rig.dispose();
    }
  }
  return undefined;
}

test("a correct adapter keeps every promise", async () => {
  expect(await firstBroken({})).toBeUndefined();
});

describe("an incorrect adapter breaks a promise", () => {
  for (const [mistake, spoil] of Object.entries(MISTAKES)) {
    test(`an adapter that ${mistake}`, async () => {
      await expect(firstBroken(spoil)).resolves.toBeTypeOf("string");
    });
  }
});
