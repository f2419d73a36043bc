/** Freezes a file system while the agent reads the device below it. */
export interface Freezer {
  /**
   * Writes out pending data and blocks all writes until `thaw`. The file system is thawed even if this process dies.
   *
   * @param folder any folder of the file system
   * @throws {AgentError} FREEZE_FAILED; the signal's reason when it aborts
   */
  freeze(folder: string, signal: AbortSignal): Promise<Frozen>;
}

export interface Frozen {
  /** Aborts with FREEZE_LOST when another program may have thawed the file system. */
  readonly lost: AbortSignal;
  /** Idempotent. @throws {AgentError} THAW_FAILED; FREEZE_LOST if the file system was no longer frozen */
  thaw(): Promise<void>;
}
