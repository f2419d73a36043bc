/** What is known of a device and a deployment. Times are in milliseconds. */
export interface DecisionFacts {
  readonly deployment: {
    readonly id: string;
    readonly seq: number;
    readonly state: "pending" | "inprogress" | "finished" | "aborted";
    readonly createdAt: number;
  };
  /** Whether the deployment is for this device. */
  readonly isTarget: boolean;
  /** What the device has to do with the deployment so far. */
  readonly row: { readonly reason: string | undefined } | undefined;
  readonly lastPollAt: number | undefined;
  /** The answer to the last poll. */
  readonly answer: { readonly code: string; readonly deployment: string | undefined } | undefined;
  /** The sequence number of the newest deployment that the device has finished. */
  readonly finishedSeq: number;
}

/**
 * Why a device has what it has of a deployment: a code of the selection that decided, or
 * - `REPORTED`: the device itself said so
 * - `NOT_IN_TARGET`: the deployment is not for this device
 * - `ABORTED`, `ENDED`: the deployment was over before the device asked
 * - `NOT_ASKED_YET`: the device has not polled since the deployment was made
 * - `OLDER_THAN_FINISHED`: the device has finished a newer deployment
 * - `WAITS_FOR_OTHER`: the device has another deployment before this one
 */
export function whyOf({ deployment, isTarget, row, lastPollAt, answer, finishedSeq }: DecisionFacts): string {
  if (row !== undefined) return row.reason ?? "REPORTED";
  if (!isTarget) return "NOT_IN_TARGET";
  if (deployment.state === "aborted") return "ABORTED";
  if (deployment.state === "finished") return "ENDED";
  if (finishedSeq >= deployment.seq) return "OLDER_THAN_FINISHED";
  if (lastPollAt === undefined || lastPollAt < deployment.createdAt) return "NOT_ASKED_YET";
  return answer?.deployment === deployment.id ? answer.code : "WAITS_FOR_OTHER";
}
