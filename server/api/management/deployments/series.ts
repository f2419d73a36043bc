import { z } from "zod";
import { Id, Timestamp } from "../../../../src/protocol/api/common.ts";
import { DeploymentSeries } from "../../../../src/protocol/api/deployments.ts";
import { deploymentSeries, findDeployment } from "../../../adapters/postgres/deployments.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { App } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { look } from "../../guard.ts";
import type { Services } from "../../services.ts";

const POINTS_MAX = 5000;

/** Adds how the numbers of a deployment changed over time. */
export function addSeriesRoute(app: App, { postgres }: Services): void {
  const querystring = z.object({
    from: Timestamp.optional(),
    to: Timestamp.optional(),
    /** In seconds, of whole minutes. */
    step: z.coerce.number().int().min(60).max(86_400).multipleOf(60).default(60),
  });
  app.get(
    "/api/management/v1/deployments/deployments/:id/series",
    {
      config: { auth: "user", permission: "ReadDeployments" },
      schema: { params: z.object({ id: Id }), querystring, response: { 200: DeploymentSeries } },
    },
    async (request) => {
      const { tenant } = callingPerson(request);
      const { id } = request.params;
      const { from, to, step } = request.query;
      return look(postgres, request, async (session) => {
        const deployment = await findDeployment(session, tenant, id);
        const window = {
          from: new Date(from ?? deployment.created_at.getTime() - 60_000),
          to: new Date(to ?? Date.now()),
          stepS: step,
        };
        if ((window.to.getTime() - window.from.getTime()) / 1000 / step > POINTS_MAX)
          throw new ServerError("REQUEST_INVALID", { in: "query", reason: `more than ${POINTS_MAX} steps` });
        const points = await deploymentSeries(session, tenant, id, window);
        return { step, points: points.map(({ time, changes }) => ({ time: time.toISOString(), changes })) };
      });
    },
  );
}
