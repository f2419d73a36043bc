import { expectThat, ranOutOfTime } from "./contract.ts";

/** What came of work in which one read of what is stored failed. */
export type FailedRead<T> =
  | { /** What could not be read. */ readonly unread: string; readonly answer: T }
  | { readonly unread: string; readonly refusal: unknown };

/** Storage of which each read can be made to fail. */
export interface FailingReadsRig {
  /** Runs `work`, in which the `number`-th read fails, counted from 1. @returns `undefined` where there is none */
  failRead<T>(number: number, work: () => Promise<T>): Promise<FailedRead<T> | undefined>;
}

/** More than anything needs. */
const MAX_READS = 1000;

/**
 * Lets each read in `work` fail, one after the other.
 *
 * @param arrange makes everything as it is before `work`
 * @param look gets what came of it
 */
export async function failEachRead<T>(
  rig: FailingReadsRig,
  arrange: () => Promise<unknown>,
  work: () => Promise<T>,
  look: (outcome: FailedRead<T>) => Promise<void>,
): Promise<void> {
  for (let number = 1; ; number += 1) {
    expectThat(number < MAX_READS, `more than ${MAX_READS} reads, and no end`);
    await arrange();
    const outcome = await rig.failRead(number, work);
    if (outcome === undefined) return;
    if ("refusal" in outcome && ranOutOfTime(outcome.refusal)) throw outcome.refusal;
    await look(outcome);
  }
}
