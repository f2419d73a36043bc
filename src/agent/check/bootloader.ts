import { resolve } from "node:path";
import { boardPaths } from "../../../adapters/bootloader/fake/board-layout.ts";
import { createSandboxRig } from "../../../adapters/check/bootloader-rig.ts";
import { sandboxSlots } from "../../../adapters/check/device-rig.ts";
import { type Firmware, programFirmware, virtualFirmware } from "../../../adapters/check/firmware.ts";
import { adapterEnvironment } from "../../../adapters/foreign/context.ts";
import { createChildProcess } from "../../../adapters/process/child-process.ts";
import { BOOTLOADER_CONTRACT } from "../../contracts/bootloader.ts";
import { BOOTLOADER_READ_CONTRACT } from "../../contracts/bootloader-reads.ts";
import { BOOTLOADER_STORAGE_CONTRACT } from "../../contracts/bootloader-storage.ts";
import { createAdapterBootloader } from "../device/adapter.ts";
import { type Examine, promisesOf } from "./examination.ts";

const { signal } = new AbortController();

/** A board whose boot loader is the adapter under test. */
export const examineBootloader: Examine = async ({ source, from, options, firmware: program }, sandbox) => {
  const { root } = sandbox;
  const slots = program === undefined ? boardPaths(root).slots : sandboxSlots(root);
  const env = adapterEnvironment({ root, slots, options }, { ...process.env, LC_ALL: "C" });
  const firmware: Firmware =
    program === undefined
      ? virtualFirmware(root)
      : programFirmware(slots, resolve(program), createChildProcess({ env }));
  const observed = sandbox.observe(createChildProcess({ env }));
  const { acts, readFile, calls } = sandbox;
  const parts = { root, slots, options, process: observed, acts, readFile, calls };
  let instance = 0;
  const create = () => {
    instance += 1;
    return createAdapterBootloader({ source, from, instance }, parts);
  };
  const rig = await createSandboxRig({ sandbox, firmware, create });
  const { boot, reset } = rig;
  return {
    reset,
    functions: {
      booted: () => boot.booted(signal),
      plan: () => boot.plan(signal),
      arm: () => boot.arm("B", signal),
      confirm: () => boot.confirm(signal),
      revert: () => boot.revert("A", signal),
    },
    promises: [
      ...promisesOf(BOOTLOADER_CONTRACT, rig),
      ...promisesOf(BOOTLOADER_STORAGE_CONTRACT, rig),
      ...promisesOf(BOOTLOADER_READ_CONTRACT, rig),
    ],
  };
};
