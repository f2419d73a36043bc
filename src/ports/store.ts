/** A value to set, or `undefined` to remove the key. */
export type StoreChanges = ReadonlyMap<string, string | undefined>;

/**
 * The agent's small memory: keys and values as the other clients name them (`artifact-name`,
 * `artifact-group`, `artifact-provides`, and the snapshot of a deployment).
 */
export interface Store {
  /**
   * Everything that is stored; empty on a new device.
   *
   * @throws {AgentError} STORE_DAMAGED, STORE_NEWER, STORE_READ
   */
  load(): Promise<ReadonlyMap<string, string>>;
  /**
   * Applies all changes or none. Resolves only when they are durable: after a power cut the store holds
   * the old state or the new one, never a mixture.
   *
   * @throws {AgentError} STORE_WRITE
   */
  transact(changes: StoreChanges): Promise<void>;
  /**
   * Makes sure that the transactions to come find room, also when the medium is full by then. Call it before an update
   * writes anything that could fill the medium; what it holds survives power loss.
   *
   * @throws {AgentError} STORE_FULL where there is no room for that now, STORE_WRITE
   */
  reserve(): Promise<void>;
}
