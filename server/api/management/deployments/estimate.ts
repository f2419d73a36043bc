import { RolloutEstimate, RolloutToEstimate } from "../../../../src/protocol/api/rollout-estimates.ts";
import type { Plan } from "../../../../src/protocol/api/rollouts.ts";
import { readCounts } from "../../../adapters/postgres/device-counts.ts";
import { countByStatus } from "../../../adapters/postgres/devices.ts";
import { readDownloadLimits } from "../../../adapters/postgres/download-budgets.ts";
import { usualPollInterval } from "../../../adapters/postgres/poll-intervals.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { findRelease } from "../../../adapters/postgres/releases.ts";
import { type Estimate, estimateOf, type Outcome, type Supposed } from "../../../domain/rollout/estimate.ts";
import { fromMender } from "../../../domain/rollout/from-mender.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { App } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { look } from "../../guard.ts";
import type { Services } from "../../services.ts";

const URL = "/api/management/v2/deployments/rollouts/estimate";
const POLL_INTERVAL_S = 1800;

/** Adds the estimate of a rollout. It changes nothing. */
export function addEstimateRoute(app: App, { postgres }: Services): void {
  app.post(
    URL,
    {
      config: { auth: "user", permission: "ReadDeployments" },
      schema: { body: RolloutToEstimate, response: { 200: RolloutEstimate } },
    },
    async (request) => {
      const { tenant } = callingPerson(request);
      const { rollout, phases, max_devices } = request.body;
      // The schema lets one of them pass.
      const plan = rollout ?? fromMender({ phases: phases ?? [], max_devices });
      const supposed = await look(postgres, request, (session) => suppose(session, tenant, plan, request.body));
      return shownEstimate(estimateOf(plan, supposed), plan, supposed);
    },
  );
}

async function suppose(session: Session, tenant: string, plan: Plan, wish: RolloutToEstimate): Promise<Supposed> {
  const sizes = await readSizes(session, tenant, plan, wish);
  const { artifact_name: release, poll_interval_s: given, update_s: updateS, line_rate: lineRate } = wish;
  const { artifacts } = release === undefined ? { artifacts: [] } : await findRelease(session, tenant, release);
  const size = Math.max(0, ...artifacts.map((artifact) => artifact.size));
  const { bytesPerSecond } = await readDownloadLimits(session, tenant);
  const pollS = given ?? (await usualPollInterval(session, tenant)) ?? POLL_INTERVAL_S;
  return {
    ...sizes,
    start: wish.start_at === undefined ? Date.now() : Date.parse(wish.start_at),
    size,
    updateMs: updateS * 1000,
    // A slower line makes the update longer than was said: the download fills all of it.
    downloadMs: Math.min(updateS, size / lineRate) * 1000,
    pollMs: pollS * 1000,
    failurePct: wish.failure_pct,
    bytesPerSecond,
  };
}

/** How many devices the rollout has, and how many of them are in each group of its waves. A device is in one group. */
async function readSizes(
  session: Session,
  tenant: string,
  { waves }: Plan,
  { devices: given, group: target }: RolloutToEstimate,
): Promise<Pick<Supposed, "devices" | "groups">> {
  const counts = await readCounts(session, tenant, "group:");
  const { groups } = session.sight;
  const inGroup = (name: string): number => (groups?.includes(name) === false ? 0 : (counts.get(`group:${name}`) ?? 0));
  const all = async (): Promise<number> => (await countByStatus(session, tenant)).get("status:accepted") ?? 0;
  const devices = given ?? (target === undefined ? await all() : inGroup(target));
  if (devices === 0) throw new ServerError("REQUEST_INVALID", { reason: "the rollout is for no device" });
  const names = waves.flatMap(({ group }) => (group === undefined ? [] : [group]));
  const sizeOf = (name: string): number =>
    target === undefined || target === name ? Math.min(devices, inGroup(name)) : 0;
  return { devices, groups: Object.fromEntries(names.map((name) => [name, sizeOf(name)])) };
}

const shown = (at: number): string => new Date(at).toISOString();

function shownEstimate(
  { outcome, begun, waves, peaks, stepMs }: Estimate,
  { approvals = 0, halt }: Plan,
  supposed: Supposed,
): RolloutEstimate {
  return {
    outcome: { kind: outcome.kind, at: shown(outcome.at), reasons: reasonsOf(outcome) },
    begun,
    waves: waves.map(({ size, openedAt, gateMetAt, passedAt, endedAt }) => ({
      size,
      ...(openedAt !== undefined && { opens_at: shown(openedAt) }),
      ...(gateMetAt !== undefined && { gate_met_at: shown(gateMetAt) }),
      ...(passedAt !== undefined && { passed_at: shown(passedAt) }),
      ...(endedAt !== undefined && { ends_at: shown(endedAt) }),
    })),
    peak: {
      devices_under_way: peaks.underWay,
      devices_per_minute: peaks.devicesPerMinute,
      bytes_per_second: peaks.bytesPerSecond,
    },
    supposed: {
      devices: supposed.devices,
      start_at: shown(supposed.start),
      artifact_size: supposed.size,
      poll_interval_s: supposed.pollMs / 1000,
      update_s: supposed.updateMs / 1000,
      download_s: supposed.downloadMs / 1000,
      failure_pct: supposed.failurePct,
      ...(supposed.bytesPerSecond !== undefined && { bytes_per_second: supposed.bytesPerSecond }),
      ...(halt?.cause !== undefined && { failure_cause: halt.cause }),
      approvals,
    },
    step_s: stepMs / 1000,
  };
}

function reasonsOf(outcome: Outcome): RolloutEstimate["outcome"]["reasons"] {
  if (outcome.kind === "halts")
    return [{ code: outcome.reading.rule, facts: { wave: outcome.wave, ...factsOf(outcome.reading) } }];
  if (outcome.kind === "ends") return [{ code: outcome.why, facts: {} }];
  return outcome.kind === "waits" ? outcome.waits.map(({ code, facts }) => ({ code, facts })) : [];
}

const factsOf = ({
  rule: _,
  ...facts
}: Extract<Outcome, { kind: "halts" }>["reading"]): Record<string, string | number> => facts;
