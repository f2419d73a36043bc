/** One promise of a port, as a check that any implementation can be put to. */
export interface ContractCheck<Rig> {
  /** A sentence about behaviour. */
  readonly title: string;
  /** Rejects when the promise is broken. Gets a rig of its own. */
  run(rig: Rig): Promise<void>;
}
