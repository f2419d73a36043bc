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

/** Titles of the checks that fail. */
async function broken(makeRig: (spoil: SpoilBoot) => ReturnType<typeof makeTrybootRig>, spoil: SpoilBoot) {
  const titles: string[] = [];
  for (const check of BOOTLOADER_CONTRACT) {
    const rig = await makeRig(spoil);
    try {
      await check.run(rig);
    } catch {
      // ignored: this is the failure that is looked for.
      titles.push(check.title);
    } finally {
      await rig.dispose();
    }
  }
  return titles;
}

test("a boot loader that does not say what to ask the reboot for is found out", async () => {
  const forgetful: SpoilBoot = ({ rebootArgument: _, ...boot }) => boot;
  expect(await broken(makeTrybootRig, forgetful)).toContain(
    "an armed slot comes up at the next reboot, still on trial",
  );
  expect(await broken(makeSystemdBootRig, forgetful)).toEqual([]);
});
