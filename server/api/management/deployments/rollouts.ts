import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import {
  Rollout,
  RolloutAct,
  RolloutActed,
  RolloutDecision,
  RolloutDetails,
} from "../../../../src/protocol/api/rollout-views.ts";
import { listDecisions, listRollouts, viewRollout } from "../../../adapters/postgres/read-rollouts.ts";
import type { App } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { look } from "../../guard.ts";
import { PagingQuery, setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { actOn } from "./rollout-act.ts";
import { shownDetails, shownRollout } from "./shown-rollout.ts";

const ROLLOUTS = "/api/management/v2/deployments/rollouts";
const READ = { auth: "user", permission: "ReadDeployments" } as const;

/** Adds what people see of rollouts, and what they do to them. */
export function addRolloutRoutes(app: App, services: Services): void {
  const { postgres } = services;
  const ListQuery = PagingQuery.extend({ running: z.stringbool().optional() });
  app.get(
    ROLLOUTS,
    { config: READ, schema: { querystring: ListQuery, response: { 200: z.array(Rollout) } } },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { rollouts, total } = await look(postgres, request, (session) =>
        listRollouts(session, tenant, request.query.running, windowOf(request.query)),
      );
      setPageHeaders(request, reply, request.query, { total });
      return rollouts.map(shownRollout);
    },
  );

  const params = z.object({ id: Id });
  app.get(
    `${ROLLOUTS}/:id`,
    { config: READ, schema: { params, response: { 200: RolloutDetails } } },
    async (request) => {
      const { tenant } = callingPerson(request);
      return shownDetails(await look(postgres, request, (session) => viewRollout(session, tenant, request.params.id)));
    },
  );

  const querystring = z.object({
    after: z.coerce.number().int().min(0).default(0),
    limit: z.coerce.number().int().min(1).max(500).default(100),
  });
  app.get(
    `${ROLLOUTS}/:id/decisions`,
    { config: READ, schema: { params, querystring, response: { 200: z.array(RolloutDecision) } } },
    async (request) => {
      const { tenant } = callingPerson(request);
      const { id } = request.params;
      const decisions = await look(postgres, request, async (session) => {
        await viewRollout(session, tenant, id);
        return listDecisions(session, tenant, id, request.query);
      });
      return decisions.map(({ seq, at, code, facts, by }) => ({
        ...{ seq, at: at.toISOString(), code, facts },
        ...(by !== null && { by }),
      }));
    },
  );

  app.post(
    `${ROLLOUTS}/:id/acts`,
    {
      config: { auth: "user", permission: "DeployToDevices" },
      schema: { params, body: RolloutAct, response: { 200: RolloutActed } },
    },
    (request) => actOn(services, request, request.params.id, request.body),
  );
}
