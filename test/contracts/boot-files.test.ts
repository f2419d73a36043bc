import { describe, expect, test } from "vitest";
import { BOOTLOADER_CONTRACT } from "../../src/contracts/bootloader.ts";
import { makeSystemdBootRig, makeTrybootRig, type SpoilBoot } from "./boot-file-rigs.ts";

const RIGS = { "systemd-boot": makeSystemdBootRig, "rpi-tryboot": makeTrybootRig };

for (const [kind, makeRig] of Object.entries(RIGS)) {
  describe(kind, () => {
    for (const check of BOOTLOADER_CONTRACT) {
      test(check.title, async () => {
        const rig = await makeRig();
        try {
          await check.run(rig);
        } finally {
          await rig.dispose();
        }
      });
    }
  });
}

/** Title of the first check that fails, or `undefined` when all pass. */
async function firstBroken(makeRig: (spoil: SpoilBoot) => ReturnType<typeof makeTrybootRig>, spoil: SpoilBoot) {
  for (const check of BOOTLOADER_CONTRACT) {
    const rig = await makeRig(spoil);
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

test("a boot loader that does not say what to ask the reboot for is found out", async () => {
  const forgetful: SpoilBoot = ({ rebootArgument: _, ...boot }) => boot;
  expect(await firstBroken(makeTrybootRig, forgetful)).toBe(
    "an armed slot comes up at the next reboot, still on trial",
  );
  expect(await firstBroken(makeSystemdBootRig, forgetful)).toBeUndefined();
});
