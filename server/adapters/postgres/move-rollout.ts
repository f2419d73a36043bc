import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import type { Act, Refusal } from "../../domain/rollout/acts.ts";
import { type Advanced, advance, type News } from "../../domain/rollout/advance.ts";
import { reopeningOf } from "../../domain/rollout/come-back.ts";
import { type Counts, type Leaving, withoutDevices, withoutFailures } from "../../domain/rollout/counts.ts";
import { asksForHealth } from "../../domain/rollout/gates.ts";
import { asksWhoIsHeard, wavesAsRead } from "../../domain/rollout/halt.ts";
import { initialMemory } from "../../domain/rollout/memory.ts";
import { nextSamples, restart, samplesChangeAt } from "../../domain/rollout/recent.ts";
import { doorOf } from "../../domain/rollout/sizes.ts";
import { closedBy } from "../../domain/rollout/state.ts";
import { findDeployment } from "./deployments.ts";
import { abortDeployment } from "./end-deployments.ts";
import { countLeaving, type LeftOut, leaveOut } from "./leave-out.ts";
import type { Session } from "./postgres.ts";
import { countRetriable, retryFailed } from "./retry-failed.ts";
import { makePlaces, setPlaces } from "./rollout-places.ts";
import {
  type By,
  insertRollout,
  lockRollout,
  overdueAt,
  readRollout,
  readRolloutCounts,
  type StoredRollout,
  writeRollout,
} from "./rollouts.ts";
import { WholeDeployment } from "./sight.ts";

/** Begins the rollout of a new deployment, in the transaction that makes the deployment. */
export async function createRollout(
  session: Session,
  tenant: string,
  deployment: string,
  plan: Plan,
  author: string,
): Promise<void> {
  const [row] = await session.raw<{ now: number }>(
    "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now",
  );
  const now = row?.now ?? 0;
  await insertRollout(session, tenant, deployment, {
    plan,
    memory: initialMemory(author, now),
    samples: restart(plan, [], now),
  });
  await makePlaces(session, tenant, deployment);
  // The first wave opens at once if nothing holds it.
  await moveRollout(session, tenant, deployment, true);
}

/** A rollout before and after a look at it. */
export interface Moved {
  readonly before: StoredRollout;
  readonly counts: Counts;
  readonly after: Advanced;
}

/**
 * Looks at a rollout: reads its counters, asks the reducer, and writes what it says, in the transaction of the session.
 * However often it is called and by how many processes, each decision is made once.
 *
 * @param waits `false`: does nothing if another process looks at it
 * @returns `undefined`: another process has it, or it has ended
 */
export async function moveRollout(
  session: Session,
  tenant: string,
  deployment: string,
  waits: boolean,
): Promise<Moved | undefined> {
  if (!(await lockRollout(session, tenant, deployment, waits))) return undefined;
  const before = await readRollout(session, tenant, deployment);
  if (before === undefined) return undefined;
  const counts = await readRolloutCounts(session, tenant, before);
  const after = advance(before.plan, before.memory, newsOf(before, counts, []));
  await keep(session, tenant, { before, counts, after }, undefined);
  return { before, counts, after };
}

/**
 * Does what a person asks for, and everything that follows from it.
 *
 * @param isDry changes nothing: what is returned would happen
 * @param check looks at what is there before anything changes, and throws if that is not what the person has seen
 * @returns `refused`: nothing has changed. `undefined`: there is no such rollout
 */
export async function actOnRollout(
  session: Session,
  tenant: string,
  { id: deployment }: WholeDeployment,
  {
    act,
    by,
    isDry,
    check,
    leftOut,
  }: {
    readonly act: Act["act"];
    readonly by: { readonly id: string; readonly email: string };
    readonly isDry: boolean;
    readonly check?: (before: StoredRollout, counts: Counts) => void;
    /** Which devices are left out with it. */
    readonly leftOut?: LeftOut | undefined;
  },
): Promise<(Moved & { readonly refused: Refusal | undefined; readonly leaving: Leaving | undefined }) | undefined> {
  const isLocked = !isDry && (await lockRollout(session, tenant, deployment, true));
  const before = await readRollout(session, tenant, deployment);
  if (before === undefined) return undefined;
  const retriable = act === "retry_failed" ? await countRetriable(session, tenant, before) : undefined;
  const counts = { ...(await readRolloutCounts(session, tenant, before)), ...(retriable && { retriable }) };
  check?.(before, counts);
  const target = leftOut && (await findDeployment(session, tenant, deployment));
  const leaving = leftOut && target && (await countLeaving(session, tenant, target, leftOut));
  const wish: Act = { act, by: by.id, ...(leaving !== undefined && { leaving }) };
  const after = advance(before.plan, before.memory, newsOf(before, counts, [wish]));
  const refused = isDry || isLocked ? after.refused[0]?.why : "ENDED";
  if (refused === undefined && !isDry) {
    if (leftOut !== undefined && target !== undefined) await leaveOut(session, tenant, target, leftOut);
    const left = leaving === undefined ? counts : withoutDevices(counts, leaving);
    await keep(session, tenant, { before, counts: left, after }, by);
  }
  return { before, counts, after, refused, leaving };
}

const newsOf = ({ state, now }: StoredRollout, counts: Counts, acts: readonly Act[]): News => ({
  counts,
  acts,
  now,
  ...(state === "finished" && { ended: "FINISHED" as const }),
  ...(state === "aborted" && { ended: "ABORTED" as const }),
});

/** Writes everything, and has devices end or try again. */
async function keep(session: Session, tenant: string, { before, counts, after }: Moved, by: By): Promise<void> {
  const { deployment, plan, state } = before;
  const { memory, allowance, decisions } = after;
  if (decisions.some(({ code }) => code === "RETRIED")) await retryFailed(session, tenant, deployment);
  const why = memory.ended?.why;
  if (why !== undefined && (state === "pending" || state === "inprogress"))
    await abortDeployment(session, tenant, WholeDeployment.byPlan(deployment), {
      as: why === "EXPIRED" || why === "LIMIT_REACHED" ? "finished" : "aborted",
      reason: why,
    });
  await setPlaces(session, tenant, deployment, {
    upTo: allowance.upTo,
    wave: Math.max(0, memory.waves.length - 1),
    isLimited: allowance.upTo < counts.devices,
  });
  const hasRestarted = decisions.some(({ code }) => code === "RESUMED" || code === "RETRIED");
  const read = wavesAsRead(plan, counts);
  const waves = decisions.some(({ code }) => code === "RETRIED") ? wavesAsRead(plan, withoutFailures(counts)) : read;
  const samples = hasRestarted ? restart(plan, waves, memory.at) : nextSamples(plan, before.samples, read, memory.at);
  const door = doorOf(plan, memory.waves.length, counts);
  // A person's act comes first; what follows from it, the plan decides.
  const acted = decisions.findIndex(({ code }) => ACTED.has(code));
  await writeRollout(session, tenant, before, {
    ...{ memory, samples, below: door.below, groups: door.groups },
    closed: closedBy(plan, memory, counts, allowance),
    reopens: reopeningOf(plan, memory, counts, allowance, after.waits),
    decisions: decisions.map((decision, index) => ({ decision, by: index === acted ? by : undefined })),
    wakeAt: earliest([
      after.wakeAt,
      await overdueAt(session, tenant, deployment, plan),
      samplesChangeAt(plan, samples, read, memory.at),
      // Polls and inventory change no counter.
      asksForHealth(plan, memory, counts) || asksWhoIsHeard(plan, memory, counts) ? memory.at + HEALTH_MS : undefined,
    ]),
  });
}

/** How often a gate or a halt rule looks how updated devices are, if nothing else happens. */
const HEALTH_MS = 10_000;

/** What a decision is called that a person has made. `ENDED` may be one, too. */
const ACTED: ReadonlySet<string> = new Set([
  ...["APPROVED", "PAUSED", "RESUMED", "OPENED_EARLY", "SOAK_SKIPPED", "RETRIED", "LEFT_OUT", "ENDED"],
]);

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
