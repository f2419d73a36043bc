import { randomUUID } from "node:crypto";
import type { FastifyRequest } from "fastify";
import type { Rollout, RolloutAct, RolloutActed } from "../../../../src/protocol/api/rollout-views.ts";
import { createDeployment, lockTargets } from "../../../adapters/postgres/create-deployment.ts";
import { earlierAnswer, keepAnswer } from "../../../adapters/postgres/idempotency.ts";
import { actOnRollout, type Moved } from "../../../adapters/postgres/move-rollout.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { type RolloutView, releaseBefore, viewRollout } from "../../../adapters/postgres/read-rollouts.ts";
import { requireUpdated, WholeDeployment } from "../../../adapters/postgres/sight.ts";
import { countUpdated } from "../../../adapters/postgres/updated-devices.ts";
import { shownTerms } from "../../../domain/filters/shown-terms.ts";
import { underWayIn } from "../../../domain/rollout/counts.ts";
import { effectsOf, hasMoved } from "../../../domain/rollout/effects.ts";
import { ServerError } from "../../../errors/server-error.ts";
import { callingPerson } from "../../authenticate.ts";
import { act } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { readTerms } from "../inventory/search.ts";
import { keyOf } from "./idempotency-key.ts";
import { shownRollout, totalsOf } from "./shown-rollout.ts";

/**
 * Does an act of a person, or tells what it would do. An act that is repeated with its Idempotency-Key is done once.
 *
 * @throws {ServerError} ROLLOUT_REFUSED with the reason, ROLLOUT_MOVED_ON if it is not as the person has seen it
 */
export async function actOn(
  { postgres }: Services,
  request: FastifyRequest,
  id: string,
  wish: RolloutAct,
): Promise<RolloutActed> {
  const { tenant, user, email } = callingPerson(request);
  const { act: name, dry_run: isDry } = wish;
  const leftOut = wish.without && { predicate: readTerms(wish.without, "without"), without: shownTerms(wish.without) };
  const key = isDry ? undefined : keyOf(request, user, { id, ...wish });
  return act(postgres, request, async (session) => {
    // It must come before everything else.
    if (name === "roll_back" && !isDry) await lockTargets(session, tenant);
    const view = await viewRollout(session, tenant, id);
    const whole = await WholeDeployment.inSight(session, tenant, view.deployment);
    if (key !== undefined && (await earlierAnswer(session, tenant, key)) !== undefined)
      return { result: { ...nothing(wish), rollout: shownRollout(view) }, acts: [] };
    const moved = await actOnRollout(session, tenant, whole, {
      ...{ act: name, by: { id: user, email }, isDry, leftOut },
      check: ({ rev }, counts) => requireExpected(wish, rev, totalsOf(counts)),
    });
    if (moved === undefined) throw new ServerError("NOT_FOUND", { rollout: id });
    const { refused, before, counts, after, leaving } = moved;
    if (refused !== undefined) throw new ServerError("ROLLOUT_REFUSED", { act: name, reason: refused });
    const rollBack =
      name === "roll_back" ? await goBack(session, tenant, view, moved, wish, { id: user, email }) : undefined;
    if (key !== undefined) await keepAnswer(session, tenant, key, id);
    const stored = { ...before, memory: after.memory, rev: before.rev + after.decisions.length };
    const result: RolloutActed = {
      ...nothing(wish),
      decisions: after.decisions.map(({ code, facts }) => ({ code, facts })),
      effects: [...effectsOf({ act: name, ...(leaving !== undefined && { leaving }) }, counts, after)],
      ...(rollBack !== undefined && { roll_back: rollBack }),
      rollout: isDry ? shownRollout({ ...view, stored }) : shownRollout(await viewRollout(session, tenant, id)),
    };
    const object = { type: "deployment", id, name: view.deployment.name };
    return { result, acts: isDry ? [] : [{ action: name, object }] };
  });
}

const nothing = ({ act: name, dry_run }: RolloutAct): Omit<RolloutActed, "rollout"> => ({
  ...{ act: name, dry_run, decisions: [], effects: [] },
});

/** @throws {ServerError} ROLLOUT_MOVED_ON */
function requireExpected({ expect }: RolloutAct, rev: number, totals: Rollout["totals"]): void {
  if (expect === undefined) return;
  const moved = Object.entries(expect.totals ?? {}).find(([kind, seen = 0]) =>
    hasMoved(seen, totals[kind as keyof Rollout["totals"]]),
  );
  if (moved !== undefined) throw new ServerError("ROLLOUT_MOVED_ON", { changed: moved[0] }, { body: { rev, totals } });
  if (expect.rev !== undefined && expect.rev !== rev)
    throw new ServerError("ROLLOUT_MOVED_ON", { changed: "rev" }, { body: { rev, totals } });
}

/** Deploys the release before to the devices that got this one: one row, however many they are. */
async function goBack(
  session: Session,
  tenant: string,
  { deployment }: RolloutView,
  { counts }: Moved,
  wish: RolloutAct,
  by: { readonly id: string; readonly email: string },
): Promise<RolloutActed["roll_back"]> {
  const { id, name } = deployment;
  const release = wish.release ?? (await releaseBefore(session, tenant, id));
  if (release === undefined)
    throw new ServerError("NOT_POSSIBLE", { reason: "the release before is not known; name one in release" });
  // A dry run is refused as well as the act.
  await requireUpdated(session, tenant, id);
  // Those that are under way have been stopped by now, and may run the release.
  const devices = (await countUpdated(session, tenant, id)) + (wish.dry_run ? underWayIn(counts) : 0);
  if (wish.dry_run || devices === 0) return { release, devices };
  const back = randomUUID();
  await createDeployment(session, tenant, {
    ...{ id: back, name: `${name} (back to ${release})`, artifactName: release, devices: [] },
    target: { kind: "updated", deployment: id },
    ...{ forceInstallation: false, retries: deployment.retries, updateControlMap: undefined, plan: undefined },
    createdBy: { type: "user", ...by },
    author: by.id,
  });
  return { release, devices, deployment: back };
}
