/**
 * What stands between a device and a deployment, in the order in which it is checked, with the reasons (of `whyOf`) that
 * each check fails with.
 */
const CHECKS = [
  ["IN_TARGET", ["NOT_IN_TARGET", "LEFT_TARGET", "DECOMMISSIONED"]],
  ["STILL_RUNNING", ["ABORTED", "ENDED", "ROLLED_BACK", "EXPIRED", "LIMIT_REACHED", "HALTED"]],
  ["HAS_ASKED", ["NOT_ASKED_YET"]],
  ["NO_NEWER_FINISHED", ["OLDER_THAN_FINISHED", "SUPERSEDED"]],
  ["NO_OTHER_FIRST", ["WAITS_FOR_OTHER"]],
  [
    "ROLLOUT_OPEN",
    [
      ...["ROLLOUT_HALTED", "ROLLOUT_PAUSED", "ROLLOUT_EXPIRED", "NEEDS_APPROVAL", "WAITS_FOR_START"],
      ...["OUTSIDE_WINDOW", "MAX_DEVICES_REACHED"],
    ],
  ],
  ["WAVE_OPEN", ["WAITS_FOR_WAVE"]],
  ["PLACE_FREE", ["WAITS_FOR_PLACE"]],
  ["NOT_INSTALLED", ["ALREADY_INSTALLED", "INSTALLED_UNREPORTED"]],
  ["ARTIFACT_FITS", ["NO_ARTIFACT", "DEVICE_TYPE", "DEPENDS"]],
  ["DOWNLOADS_FREE", ["WAITS_FOR_DOWNLOADS", "WAITS_FOR_SITE"]],
  ["SAYS_THE_SAME", ["REQUEST_CHANGED"]],
] as const satisfies readonly (readonly [string, readonly string[]])[];

export interface Check {
  readonly check: (typeof CHECKS)[number][0];
  /** `unknown`: it was not reached, because one before it failed. */
  readonly result: "passed" | "failed" | "unknown";
}

/** A decision as a list of checks: at most one of them failed, and the reason says how. */
export function checksOf(reason: string): readonly Check[] {
  const failing = CHECKS.findIndex(([, reasons]) => (reasons as readonly string[]).includes(reason));
  return CHECKS.map(([check], index) => ({
    check,
    result: failing === -1 || index < failing ? "passed" : index === failing ? "failed" : "unknown",
  }));
}
