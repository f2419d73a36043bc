import { describe, test } from "vitest";
import { BOOTLOADER_CONTRACT } from "../../src/contracts/bootloader.ts";
import { makeUbootRig } from "./bootloader-rigs.ts";

describe("uboot with the real fw_setenv", () => {
  for (const check of BOOTLOADER_CONTRACT) {
    test(check.title, async () => {
      const rig = await makeUbootRig();
      try {
        await check.run(rig);
      } finally {
        await rig.dispose();
      }
    });
  }
});
