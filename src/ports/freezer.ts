/** Keeps a filesystem as it is while it is being read from below. */
export interface Freezer {
  /**
   * Writes out what is pending, and lets nobody write until `thaw`. It is thawed whatever becomes of this process.
   *
   * @param folder any folder of the filesystem
   * @throws {AgentError} FREEZE_FAILED; the signal's reason when it aborts
   */
  freeze(folder: string, signal: AbortSignal): Promise<Frozen>;
}

export interface Frozen {
  /** Aborted with FREEZE_LOST when the filesystem may have been thawed by somebody else. */
  readonly lost: AbortSignal;
  /** Idempotent. @throws {AgentError} THAW_FAILED; FREEZE_LOST when it was not frozen any more */
  thaw(): Promise<void>;
}
