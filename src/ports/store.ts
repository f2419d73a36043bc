/** A value to set, or `undefined` to remove the key. */
export type StoreChanges = ReadonlyMap<string, string | undefined>;

/**
 * The agent's small database. Keys and values are named as in other Mender clients (`artifact-name`, `artifact-group`,
 * `artifact-provides`, and the snapshot of a deployment).
 */
export interface Store {
  /**
   * All entries; empty on a new device.
   *
   * @throws {AgentError} STORE_DAMAGED, STORE_NEWER, STORE_READ
   */
  load(): Promise<ReadonlyMap<string, string>>;
  /**
   * Applies all changes or none. Resolves only when they are durable: after a power cut the store holds the old state
   * or the new one, never a mixture.
   *
   * @throws {AgentError} STORE_WRITE
   */
  transact(changes: StoreChanges): Promise<void>;
  /**
   * Reserves room for later transactions, even if the medium fills up. Call it before an update writes anything that
   * could fill the medium. The reservation survives power loss.
   *
   * @throws {AgentError} STORE_FULL if there is no room now, STORE_WRITE
   */
  reserve(): Promise<void>;
}
