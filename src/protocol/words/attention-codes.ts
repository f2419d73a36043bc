/**
 * What needs a person, the most harm first.
 *
 * - `DEVICES_INCONSISTENT`: devices said that an update failed and that they could not go back
 * - `ROLLOUT_HALTED`: a rule has stopped a rollout, and a person must decide
 * - `GROUP_SILENT`: many devices of a group poll no more
 * - `ROLLOUT_NEEDS_APPROVAL`: a rollout waits until people approve it
 * - `DEVICES_PENDING`: devices wait until a person accepts them
 * - `WEBHOOK_DISABLED`: a webhook failed for so long that it gets nothing any more
 * - `WEBHOOK_FAILING`: the last attempts to reach a webhook failed
 * - `DEVICES_SILENT`: devices poll no more
 */
export const ATTENTION_CODES = [
  ...(["DEVICES_INCONSISTENT", "ROLLOUT_HALTED", "GROUP_SILENT", "ROLLOUT_NEEDS_APPROVAL"] as const),
  ...(["DEVICES_PENDING", "WEBHOOK_DISABLED", "WEBHOOK_FAILING", "DEVICES_SILENT"] as const),
] as const;
export type AttentionCode = (typeof ATTENTION_CODES)[number];
