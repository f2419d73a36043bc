/** The content of the Mender client's store. */
export interface ClientContent {
  /** Differs after each change by the client. */
  readonly revision: string;
  readonly values: ReadonlyMap<string, Uint8Array>;
}

/** A process that has the store open. */
export interface ClientProcess {
  readonly pid: number;
  readonly program: string;
}

/** The store of the Mender client that this device ran before. The agent reads it, and replaces it as a whole. */
export interface ClientStore {
  readonly path: string;
  /**
   * @returns `undefined` if there is no such store
   * @throws {AgentError} TAKEOVER_FORMAT, TAKEOVER_DAMAGED, TAKEOVER_RUNNING if it changes meanwhile, STORE_READ
   */
  load(): Promise<ClientContent | undefined>;
  /** A process of a client that has it open, as far as this process may see. */
  user(): Promise<ClientProcess | undefined>;
  /**
   * Puts a new store with these values in its place, in one rename, and keeps a copy of the old one. Keeps owner and
   * mode. Resolves when durable.
   *
   * @throws {AgentError} STORE_WRITE; what `load` throws
   */
  replace(values: ReadonlyMap<string, Uint8Array>): Promise<void>;
}
