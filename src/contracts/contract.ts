import { AgentError } from "../errors/agent-error.ts";

/** One promise of a port, as a check that any implementation can be put to. */
export interface ContractCheck<Rig> {
  /** A sentence about behaviour. */
  readonly title: string;
  /** Rejects when the promise is broken. Gets a rig of its own. */
  run(rig: Rig): Promise<void>;
}

/** Whether it was a time limit that ended the adapter. */
export const ranOutOfTime = (error: unknown): boolean =>
  error instanceof AgentError &&
  (error.code === "ADAPTER_TIMEOUT" || error.code === "PROCESS_TIMEOUT" || ranOutOfTime(error.cause));

/** Whether `work` comes to its end; what ends it otherwise is a power cut, in whatever words. */
export async function completes(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (ranOutOfTime(error)) throw error;
    return false;
  }
}
