import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { FailureCauses } from "../../../../src/protocol/api/rollout-views.ts";
import { findDeployment } from "../../../adapters/postgres/deployments.ts";
import { listCauses, SUCCEEDED_MAX, sampleDevices } from "../../../adapters/postgres/read-causes.ts";
import { factorsOf } from "../../../domain/failures/factors.ts";
import type { App } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { look } from "../../guard.ts";
import type { Services } from "../../services.ts";

/** Adds why devices of a deployment failed. It needs no plan. */
export function addCausesRoute(app: App, { postgres }: Services): void {
  const params = z.object({ id: Id });
  const querystring = z.object({ limit: z.coerce.number().int().min(1).max(10).default(5) });
  app.get(
    "/api/management/v2/deployments/rollouts/:id/causes",
    {
      config: { auth: "user", permission: "ReadDeployments" },
      schema: { params, querystring, response: { 200: FailureCauses } },
    },
    async (request) => {
      const { tenant } = callingPerson(request);
      const { id } = request.params;
      return look(postgres, request, async (session) => {
        const deployment = await findDeployment(session, tenant, id);
        const causes = await listCauses(session, tenant, id, request.query.limit);
        const samples = await sampleDevices(
          session,
          tenant,
          deployment,
          causes.map(({ cause }) => cause),
        );
        return causes.map(({ cause, kind, signature, n, device, line, has_log: hasLog }) => {
          const sample = samples.get(cause) ?? { failed: [], succeeded: [], waiting: [] };
          return {
            ...{ id: cause, kind, signature, count: n },
            ...(device !== null && {
              example: { device, has_log: hasLog === true, ...(line !== null && line !== "" && { line }) },
            }),
            factors: [...factorsOf(sample)],
            is_sampled: n > sample.failed.length || sample.succeeded.length === SUCCEEDED_MAX,
          };
        });
      });
    },
  );
}
