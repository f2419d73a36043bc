import { describe, test } from "vitest";
import { BOOTLOADER_CONTRACT } from "../../src/contracts/bootloader.ts";
import { LOSSES, type Loss } from "../adapters/bootloader/volatile-disk.ts";
import { makeNativeGrubRig, makeNativeUbootRig } from "./native-rigs.ts";

const RIGS = { uboot: makeNativeUbootRig, grub: makeNativeGrubRig } as const;

for (const [name, makeRig] of Object.entries(RIGS)) {
  for (const loss of Object.keys(LOSSES) as Loss[]) {
    describe(`${name}, in process`, () => {
      for (const check of BOOTLOADER_CONTRACT) {
        test(`if a power cut keeps ${loss} of the unsynced writes: ${check.title}`, async () => {
          const rig = await makeRig(loss);
          try {
            await check.run(rig);
          } finally {
            await rig.dispose();
          }
        });
      }
    });
  }
}
