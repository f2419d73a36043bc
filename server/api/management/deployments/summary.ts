import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { RolloutSummary } from "../../../../src/protocol/api/rollout-summaries.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { findFrequentCause } from "../../../adapters/postgres/read-causes.ts";
import {
  lastDeciderOf,
  type RolloutView,
  releaseBefore,
  viewRollout,
  waitsNow,
} from "../../../adapters/postgres/read-rollouts.ts";
import { countRetriable } from "../../../adapters/postgres/retry-failed.ts";
import { readHealth } from "../../../adapters/postgres/rollout-health.ts";
import { seesUpdated, seesWholeDeployment } from "../../../adapters/postgres/sight.ts";
import { sightOf } from "../../../domain/permissions/grants.ts";
import { underWayIn } from "../../../domain/rollout/counts.ts";
import { sumOf } from "../../../domain/rollout/effects.ts";
import { factsOf, headlineOf } from "../../../domain/rollout/facts.ts";
import { type PossibleAct, possibleActs } from "../../../domain/rollout/possible-acts.ts";
import type { App } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import type { PersonCaller } from "../../callers.ts";
import { look } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { shownDetails } from "./shown-rollout.ts";

/** Adds the summary of a rollout: what is the case, what it means for devices, and what one can do. */
export function addSummaryRoute(app: App, { postgres }: Services): void {
  app.get(
    "/api/management/v2/deployments/rollouts/:id/summary",
    {
      config: { auth: "user", permission: "ReadDeployments" },
      schema: { params: z.object({ id: Id }), response: { 200: RolloutSummary } },
    },
    async (request) => {
      const person = callingPerson(request);
      return look(postgres, request, async (session) => {
        const view = await viewRollout(session, person.tenant, request.params.id);
        return summarize(session, person, view);
      });
    },
  );
}

async function summarize(session: Session, person: PersonCaller, view: RolloutView): Promise<RolloutSummary> {
  const { tenant } = person;
  const { stored, counts } = view;
  const { plan, memory } = stored;
  const { waits } = waitsNow(view);
  const health = await readHealth(session, tenant, stored.deployment);
  const hasFailures = sumOf(counts).failed > 1;
  const cause = hasFailures ? await findFrequentCause(session, tenant, view.deployment) : undefined;
  const summary = { plan, memory, counts, waits, health, cause };
  const { code, facts } = headlineOf(summary);
  const decision = DECIDED[code];
  const by = decision === undefined ? undefined : await lastDeciderOf(session, tenant, stored.deployment, decision);
  return {
    ...shownDetails(view),
    headline: { code, facts, ...(by !== undefined && { by }) },
    facts: factsOf(summary).map((fact) => ({ code: fact.code, facts: fact.facts })),
    acts: await actsFor(session, person, view),
  };
}

/** Which decision has made a rollout what its headline says. */
const DECIDED: Readonly<Record<string, string>> = { PAUSED: "PAUSED", ABORTED: "ENDED" };

async function actsFor(
  session: Session,
  { tenant, user, grants }: PersonCaller,
  view: RolloutView,
): Promise<RolloutSummary["acts"]> {
  const { deployment, stored, counts } = view;
  const { plan, memory, now } = stored;
  const mayDeploy = grants.has("DeployToDevices");
  const sight = sightOf(grants, "DeployToDevices");
  const isWhole = mayDeploy && (await seesWholeDeployment(session, tenant, deployment, sight));
  const mayGoBack = isWhole && (await seesUpdated(session, tenant, deployment.id, sight));
  const release = await releaseBefore(session, tenant, deployment.id);
  const retriable = await countRetriable(session, tenant, stored);
  return possibleActs(plan, memory, { counts: { ...counts, retriable }, now }, user).map(
    ({ act, refused, effects }: PossibleAct) => {
      const shown = { act, effects: [...effects] };
      if (refused !== undefined) return { ...shown, refused };
      if (!(act === "roll_back" ? mayGoBack : isWhole)) return { ...shown, refused: "FORBIDDEN", effects: [] };
      if (act !== "roll_back") return shown;
      if (release === undefined) return { ...shown, refused: "RELEASE_UNKNOWN", effects: [] };
      // The counters are quick to read, and have devices that were decommissioned since.
      return { ...shown, roll_back: { release, devices: sumOf(counts).updated + underWayIn(counts) } };
    },
  );
}
