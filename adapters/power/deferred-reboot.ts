import type { Power } from "../../src/ports/power.ts";

/**
 * Leaves the reboot to whoever started this process.
 *
 * @param leave tells them, with the reboot's argument, and aborts the signal of what runs
 */
export const createDeferredReboot = (leave: (argument: string | undefined) => void): Power => ({
  async reboot(argument, signal) {
    leave(argument);
    signal.throwIfAborted();
    throw new TypeError("what runs goes on, although the device is to be rebooted");
  },
});
