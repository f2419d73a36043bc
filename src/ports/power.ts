/** Controls the device's power, as far as software can. */
export interface Power {
  /**
   * Reboots and never resolves.
   *
   * @param argument text that the kernel passes to the firmware, as in `reboot "0 tryboot"`
   * @throws {AgentError} REBOOT_FAILED if the device still runs after the time limit
   */
  reboot(argument: string | undefined, signal: AbortSignal): Promise<never>;
}
