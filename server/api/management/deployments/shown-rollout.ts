import type { Rollout, RolloutDetails } from "../../../../src/protocol/api/rollout-views.ts";
import { type RolloutView, stateOfView, waitsNow } from "../../../adapters/postgres/read-rollouts.ts";
import { type Counts, type Tally, takenIn } from "../../../domain/rollout/counts.ts";
import { sumOf } from "../../../domain/rollout/effects.ts";
import { readGate } from "../../../domain/rollout/gates.ts";
import { reachOf } from "../../../domain/rollout/sizes.ts";
import { closedBy } from "../../../domain/rollout/state.ts";

const shownTally = ({ underWay, ...tally }: Tally) => ({ ...tally, under_way: underWay });

export function totalsOf(counts: Counts): Rollout["totals"] {
  const sum = sumOf(counts);
  const waiting = Math.max(0, counts.devices - counts.outside - takenIn(counts));
  return { ...shownTally({ ...sum, left: sum.left + counts.outside }), waiting, left_out: counts.leftOut };
}

export function shownRollout(view: RolloutView): Rollout {
  const { deployment, stored, counts } = view;
  const { memory, plan, rev } = stored;
  return {
    id: deployment.id,
    name: deployment.name,
    artifact_name: deployment.artifact_name,
    state: stateOfView(view),
    ...(memory.ended !== undefined && { ended: memory.ended.why }),
    rev,
    created: deployment.created_at.toISOString(),
    device_count: deployment.device_count,
    totals: totalsOf(counts),
    waves_open: memory.waves.length,
    waves: plan.waves.length,
  };
}

const time = (at: number): string => new Date(at).toISOString();

export function shownDetails(view: RolloutView): RolloutDetails {
  const { stored, counts } = view;
  const { plan, memory } = stored;
  const { waits, allowance } = waitsNow(view);
  const { halted } = memory;
  const closed = memory.ended === undefined ? closedBy(plan, memory, counts, allowance) : undefined;
  const shownWave = (index: number): RolloutDetails["wave_list"][number] => {
    const wave = memory.waves[index];
    const tally = counts.waves[index];
    if (wave === undefined || tally === undefined)
      return { size: reachOf(plan, index, counts) - (index === 0 ? 0 : reachOf(plan, index - 1, counts)) };
    const { good, of, needed, isMet, health } = readGate(plan, index, wave, counts, memory);
    const metAt = wave.soakAt === undefined ? {} : { met_at: time(wave.soakAt) };
    return {
      size: wave.size,
      opened_at: time(wave.openedAt),
      ...(wave.passedAt !== undefined && { passed_at: time(wave.passedAt) }),
      tally: shownTally(tally),
      ...(plan.waves[index]?.gate !== undefined && {
        gate: { good, of, needed, is_met: isMet, ...metAt, ...(health !== undefined && { health }) },
      }),
    };
  };
  return {
    ...shownRollout(view),
    plan,
    wave_list: plan.waves.map((_, index) => shownWave(index)),
    waits: waits.map(({ code, facts, until }) => ({ code, facts, ...(until !== undefined && { until: time(until) }) })),
    ...(halted !== undefined && {
      halt: {
        ...{ rule: halted.rule, reading: halted.reading, limit: halted.limit },
        ...{ failed: halted.failed, overdue: halted.overdue, reports: halted.reports },
        ...(halted.cause !== undefined && {
          cause: { kind: halted.causeKind ?? "line", signature: halted.cause, failed: halted.causeFailed ?? 0 },
        }),
      },
    }),
    approved_by: [...memory.approvedBy],
    ...(closed !== undefined && { closed }),
  };
}
