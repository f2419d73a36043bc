/** One small value that a payload handler keeps across power loss, from ArtifactInstall to Cleanup. */
export interface StoredValue {
  load(): Promise<string | undefined>;
  /** Resolves when durable. `undefined` removes the value. */
  save(value: string | undefined): Promise<void>;
}
