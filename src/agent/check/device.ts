import { createDeviceRig, sandboxSlots } from "../../../adapters/check/device-rig.ts";
import { createDriverDevice } from "../../../adapters/device/driver-device.ts";
import { adapterEnvironment } from "../../../adapters/foreign/context.ts";
import { createChildProcess } from "../../../adapters/process/child-process.ts";
import { DEVICE_CONTRACT, readSlot } from "../../contracts/device.ts";
import { DEVICE_READ_CONTRACT } from "../../contracts/device-reads.ts";
import { DEVICE_STORAGE_CONTRACT } from "../../contracts/device-storage.ts";
import { createAdapterDriver } from "../device/slot-driver.ts";
import { type Examine, promisesOf } from "./examination.ts";

/** Two slots in sandbox files, behind the adapter under test. The system runs from slot A. */
export const examineDevice: Examine = async ({ source, from, options }, sandbox) => {
  const { root } = sandbox;
  const slots = sandboxSlots(root);
  const env = adapterEnvironment({ root, slots, options }, { ...process.env, LC_ALL: "C" });
  const observed = sandbox.observe(createChildProcess({ env }));
  const { acts, readFile, calls } = sandbox;
  const parts = { root, slots, options, process: observed, acts, readFile, calls };
  let instance = 0;
  const createDriver = () => {
    instance += 1;
    return createAdapterDriver({ source, from, instance }, parts, sandbox.openStorage);
  };
  const create = async () =>
    createDriverDevice({ driver: await createDriver(), paths: slots, booted: async () => "A" });
  const rig = await createDeviceRig(sandbox, create);
  const { signal } = new AbortController();
  return {
    reset: rig.reset,
    functions: {
      size: async () => (await createDriver()).size("B", signal),
      write: async () => (await createDriver()).write("B", 1, once(new Uint8Array(1)), signal),
      read: () => readSlot(rig.device, "B", 1),
    },
    promises: [
      ...promisesOf(DEVICE_CONTRACT, rig),
      ...promisesOf(DEVICE_STORAGE_CONTRACT, rig),
      ...promisesOf(DEVICE_READ_CONTRACT, rig),
    ],
  };
};

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield chunk;
}
