import type { Power } from "../../src/ports/power.ts";

/**
 * Leaves the reboot to the program that started this process.
 *
 * @param leave passes on the reboot's argument, and must abort the signal of the running operation
 */
export const createDeferredReboot = (leave: (argument: string | undefined) => void): Power => ({
  async reboot(argument, signal) {
    leave(argument);
    signal.throwIfAborted();
    throw new TypeError("what runs goes on, although the device is to be rebooted");
  },
});
