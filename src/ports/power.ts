/** The device's power, as far as software reaches. */
export interface Power {
  /**
   * Reboots and never resolves.
   *
   * @throws {AgentError} REBOOT_FAILED when the device still runs after the time allowed
   */
  reboot(signal: AbortSignal): Promise<never>;
}
