import { z } from "zod";
import { Id, Timestamp } from "../../../../src/protocol/api/common.ts";
import { DeploymentSeries } from "../../../../src/protocol/api/deployments.ts";
import { RolloutSeries } from "../../../../src/protocol/api/rollout-summaries.ts";
import { countsBefore, deploymentSeries, findDeployment } from "../../../adapters/postgres/deployments.ts";
import { viewRollout } from "../../../adapters/postgres/read-rollouts.ts";
import { tallyOf } from "../../../domain/rollout/state.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { App } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { look } from "../../guard.ts";
import type { Services } from "../../services.ts";

const POINTS_MAX = 5000;

const SeriesQuery = z.object({
  from: Timestamp.optional(),
  to: Timestamp.optional(),
  /** In seconds, of whole minutes. */
  step: z.coerce.number().int().min(60).max(86_400).multipleOf(60).default(60),
});

/** @throws {ServerError} REQUEST_INVALID */
function spanOf({ from, to, step }: z.infer<typeof SeriesQuery>, createdAt: Date) {
  const span = {
    from: new Date(from ?? createdAt.getTime() - 60_000),
    to: new Date(to ?? Date.now()),
    stepS: step,
  };
  if ((span.to.getTime() - span.from.getTime()) / 1000 / step > POINTS_MAX)
    throw new ServerError("REQUEST_INVALID", { in: "query", reason: `more than ${POINTS_MAX} steps` });
  return span;
}

/** Adds how the numbers of a deployment changed over time. */
export function addSeriesRoute(app: App, { postgres }: Services): void {
  app.get(
    "/api/management/v1/deployments/deployments/:id/series",
    {
      config: { auth: "user", permission: "ReadDeployments" },
      schema: { params: z.object({ id: Id }), querystring: SeriesQuery, response: { 200: DeploymentSeries } },
    },
    async (request) => {
      const { tenant } = callingPerson(request);
      const { id } = request.params;
      return look(postgres, request, async (session) => {
        const deployment = await findDeployment(session, tenant, id);
        const span = spanOf(request.query, deployment.created_at);
        const points = await deploymentSeries(session, tenant, id, span);
        return { step: span.stepS, points: points.map(({ time, changes }) => ({ time: time.toISOString(), changes })) };
      });
    },
  );
  app.get(
    "/api/management/v2/deployments/rollouts/:id/series",
    {
      config: { auth: "user", permission: "ReadDeployments" },
      schema: { params: z.object({ id: Id }), querystring: SeriesQuery, response: { 200: RolloutSeries } },
    },
    async (request) => {
      const { tenant } = callingPerson(request);
      const { id } = request.params;
      return look(postgres, request, async (session) => {
        const { deployment } = await viewRollout(session, tenant, id);
        const span = spanOf(request.query, deployment.created_at);
        const counts = new Map(await countsBefore(session, tenant, id, span.from));
        const points = await deploymentSeries(session, tenant, id, span);
        return {
          step: span.stepS,
          points: points.map(({ time, changes }) => {
            for (const [status, change] of Object.entries(changes))
              counts.set(status, (counts.get(status) ?? 0) + change);
            const { underWay, ...tally } = tallyOf(counts);
            return { time: time.toISOString(), counts: { ...tally, under_way: underWay } };
          }),
        };
      });
    },
  );
}
