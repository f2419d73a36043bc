/** The device's power, as far as software reaches. */
export interface Power {
  /**
   * Reboots and never resolves.
   *
   * @param argument what the kernel hands to the firmware with the restart, as in `reboot "0 tryboot"`
   * @throws {AgentError} REBOOT_FAILED when the device still runs after the time allowed
   */
  reboot(argument: string | undefined, signal: AbortSignal): Promise<never>;
}
