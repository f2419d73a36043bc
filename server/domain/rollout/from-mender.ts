import type { MenderRollout } from "../../../src/protocol/api/rollout-estimates.ts";
import { Plan } from "../../../src/protocol/api/rollouts.ts";

/** The plan that means what Mender's own fields mean: each phase opens at its time, whatever became of the one before. */
export function fromMender({ phases, max_devices: max = 0 }: MenderRollout): Plan {
  const waves = phases.map(({ batch_size: percent, start_ts: start }) => ({
    ...(percent === undefined ? { rest: true as const } : { percent }),
    ...(start !== undefined && { start_at: start }),
  }));
  // To Mender, no devices at most means that there is no limit.
  return Plan.parse({ waves, ...(max > 0 && { max_devices: max }) });
}
