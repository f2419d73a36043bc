import { join } from "node:path";
import { describe, test } from "vitest";
import type { EnvTools } from "../../adapters/bootloader/tool-env.ts";
import { fwEnvTools } from "../../adapters/bootloader/uboot/fw-env-tools.ts";
import { BOOTLOADER_CONTRACT } from "../../src/contracts/bootloader.ts";
import { makeUbootRig } from "./bootloader-rigs.ts";
import { makeGrubToolsRig } from "./grub-tools-rig.ts";

/**
 * The answers of u-boot-tools 2023.01. Debian 12 no longer has the program, so a script prints its recorded answers.
 */
function recordedTools(config?: string): EnvTools {
  const script = join(import.meta.dirname, "../adapters/bootloader/uboot/old-fw-env.sh");
  const tools = fwEnvTools(config);
  const [, ...printArgs] = tools.printArgv;
  const [, ...setArgs] = tools.setArgv;
  return { ...tools, printArgv: [script, "print", ...printArgs], setArgv: [script, "set", ...setArgs] };
}

for (const [name, makeRig] of [
  ["uboot with the real fw_setenv", () => makeUbootRig()],
  // Without the canary, because these tools fail for it although they print the other variables.
  ["uboot with what U-Boot's own older tools do", () => makeUbootRig(recordedTools, {})],
  ["grub with what Mender's tools do", makeGrubToolsRig],
] as const) {
  describe(name, () => {
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
