/**
 * What is the case in a rollout. Facts are said in this order: the most harm first.
 *
 * - `FAILED_INCONSISTENT`: devices failed and could not go back
 * - `FAILED_UNHEARD`: devices failed and have not said since that they run what they ran before
 * - `UPDATED_SILENT`: devices have the release, and poll no more
 * - `UPDATED_OTHER`: devices were updated, and run another release now
 * - `UNDER_WAY_SILENT`: devices have begun, and are not heard any more
 * - `ONE_CAUSE`: most of the devices that failed have the same cause; and what they share, if that is known
 * - `FAILED_BACK`: all that failed run what they ran before
 * - `UPDATED_UNHEARD`: devices have the release and have not polled since, which is usual so soon
 * - `UPDATED_WELL`: all that have the release have polled since
 * - `UNDER_WAY`: devices have begun, and others have not
 * - `NOT_BEGUN`: no device is under way, and some have not begun
 */
export const FACT_CODES = [
  ...(["FAILED_INCONSISTENT", "FAILED_UNHEARD", "UPDATED_SILENT", "UPDATED_OTHER", "UNDER_WAY_SILENT"] as const),
  ...(["ONE_CAUSE", "FAILED_BACK", "UPDATED_UNHEARD", "UPDATED_WELL", "UNDER_WAY", "NOT_BEGUN"] as const),
] as const;
export type FactCode = (typeof FACT_CODES)[number];

/** How a rollout stands, in one sentence. */
export const HEADLINE_CODES = [
  ...(["HALTED", "PAUSED", "WAITS_FOR_APPROVAL", "WAITS_FOR_START", "OUTSIDE_WINDOW", "SOAKING"] as const),
  ...(["ENDING", "ON_COURSE", "FINISHED", "ABORTED"] as const),
] as const;
export type HeadlineCode = (typeof HEADLINE_CODES)[number];
