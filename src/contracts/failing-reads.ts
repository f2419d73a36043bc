import { expectThat, ranOutOfTime } from "./contract.ts";

/** The outcome of work in which one read of the storage failed. */
export type FailedRead<T> =
  | { /** The item that could not be read. */ readonly unread: string; readonly answer: T }
  | { readonly unread: string; readonly refusal: unknown };

/** Storage in which each read can fail. */
export interface FailingReadsRig {
  /**
   * Runs `work` and makes its `number`-th read fail, counted from 1. @returns `undefined` if `work` reads less often
   */
  failRead<T>(number: number, work: () => Promise<T>): Promise<FailedRead<T> | undefined>;
}

/** More reads than any check needs. */
const MAX_READS = 1000;

/**
 * Runs `work` repeatedly and makes each of its reads fail in turn.
 *
 * @param arrange restores the state that `work` starts from
 * @param look receives each outcome
 */
export async function failEachRead<T>(
  rig: FailingReadsRig,
  arrange: () => Promise<unknown>,
  work: () => Promise<T>,
  look: (outcome: FailedRead<T>) => Promise<void>,
): Promise<void> {
  for (let number = 1; ; number += 1) {
    expectThat(number < MAX_READS, `the adapter did not finish within ${MAX_READS} reads`);
    await arrange();
    const outcome = await rig.failRead(number, work);
    if (outcome === undefined) return;
    if ("refusal" in outcome && ranOutOfTime(outcome.refusal)) throw outcome.refusal;
    await look(outcome);
  }
}
