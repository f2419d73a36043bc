import { randomUUID } from "node:crypto";
import { z } from "zod";
import { ContinuousDeployment, NewContinuousDeployment } from "../../../../src/protocol/api/channels.ts";
import { Id } from "../../../../src/protocol/api/common.ts";
import {
  addContinuous,
  listContinuous,
  removeContinuous,
  type ContinuousDeployment as Stored,
} from "../../../adapters/postgres/continuous-deployments.ts";
import { lockTargets } from "../../../adapters/postgres/create-deployment.ts";
import { findFilter, requirePredicateInSight } from "../../../adapters/postgres/filters.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { readTerms } from "../inventory/search.ts";

const CONTINUOUS = "/api/management/v1/deployments/continuous";

/** Who is limited to groups acts only for dynamic groups within them. @throws {ServerError} FORBIDDEN, NOT_FOUND */
async function requireFilterInSight(session: Session, tenant: string, filter: string): Promise<void> {
  const { terms } = await findFilter(session, tenant, filter);
  requirePredicateInSight(session, readTerms(terms));
}

/** Standing wishes: the devices of a dynamic group get what a channel has. */
export const continuousRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    app.get(
      CONTINUOUS,
      {
        config: { auth: "user", permission: "ReadDeployments" },
        schema: { response: { 200: z.array(ContinuousDeployment) } },
      },
      async (request) => {
        const { tenant } = callingPerson(request);
        return (await look(postgres, request, (session) => listContinuous(session, tenant))).map(shown);
      },
    );

    app.post(
      CONTINUOUS,
      {
        config: { auth: "user", permission: "DeployToDevices" },
        schema: { body: NewContinuousDeployment, response: { 201: z.undefined() } },
      },
      async (request, reply) => {
        const { tenant, user, email } = callingPerson(request);
        const { name, channel, filter_id, retries, rollout: plan = null } = request.body;
        const id = randomUUID();
        await act(postgres, request, async (session) => {
          await lockTargets(session, tenant);
          await requireFilterInSight(session, tenant, filter_id);
          const wish = { id, name, channel, filter_id, plan, retries, by: { id: user, email } };
          await addContinuous(session, tenant, wish);
          const object = { type: "continuous-deployment", id, name };
          return {
            result: undefined,
            acts: [{ action: "create", object, after: { channel, filter_id, plan, retries } }],
          };
        });
        return reply.status(201).header("location", `${CONTINUOUS}/${id}`).send();
      },
    );

    app.delete(
      `${CONTINUOUS}/:id`,
      {
        config: { auth: "user", permission: "DeployToDevices" },
        schema: { params: z.object({ id: Id }), response: { 204: z.undefined() } },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { id } = request.params;
        await act(postgres, request, async (session) => {
          const { name, filter_id: filter } = await removeContinuous(session, tenant, id);
          await requireFilterInSight(session, tenant, filter);
          return {
            result: undefined,
            acts: [{ action: "delete", object: { type: "continuous-deployment", id, name } }],
          };
        });
        return reply.status(204).send();
      },
    );
  };

const shown = (row: Stored): ContinuousDeployment => ({
  ...{ id: row.id, name: row.name, channel: row.channel, filter_id: row.filter_id, retries: row.retries, by: row.by },
  ...(row.plan !== null && { rollout: row.plan }),
  ...(row.deployment_id !== null && { deployment: row.deployment_id }),
  created: row.created_at.toISOString(),
});
