/** Keeps a second agent away from the datastore. */
export interface Lock {
  /**
   * Takes the lock without waiting; the kernel drops it when the process ends, however it ends.
   *
   * @returns a function that releases it
   * @throws {AgentError} AGENT_BUSY when another process holds it
   */
  acquire(): Promise<() => Promise<void>>;
}
