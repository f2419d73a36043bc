/** Prevents a second agent from using the datastore. */
export interface Lock {
  /**
   * Takes the lock without waiting. The kernel releases it when the process ends, even after a crash.
   *
   * @returns a function that releases the lock
   * @throws {AgentError} AGENT_BUSY when another process holds it
   */
  acquire(): Promise<() => Promise<void>>;
}
