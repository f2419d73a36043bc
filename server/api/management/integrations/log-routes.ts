import { randomUUID } from "node:crypto";
import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { DeliveredEvent, Delivery, TestOutcome } from "../../../../src/protocol/api/webhooks.ts";
import { listDeliveredEvents, listDeliveries } from "../../../adapters/postgres/webhook-log.ts";
import { findReceiver, findWebhook } from "../../../adapters/postgres/webhooks.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { App } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import { PagingQuery, setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { shownDelivery, shownEvent } from "./shown.ts";

const IOT_MANAGER = "/api/management/v1/iot-manager";
const params = z.object({ id: Id });

/** Adds what tells how deliveries went, and the test of a webhook. */
export function addLogRoutes(app: App, { postgres, webhooks }: Services): void {
  app.get(
    `${IOT_MANAGER}/events`,
    {
      config: { auth: "user", permission: "ReadIntegrations" },
      schema: {
        querystring: PagingQuery.extend({ integration_id: Id.optional() }),
        response: { 200: z.array(DeliveredEvent) },
      },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { offset, limit } = windowOf(request.query);
      const rows = await look(postgres, request, (session) =>
        listDeliveredEvents(session, tenant, request.query.integration_id, { offset, limit: limit + 1 }),
      );
      setPageHeaders(request, reply, request.query, { more: rows.length > limit });
      return rows.slice(0, limit).map(shownEvent);
    },
  );

  app.get(
    `${IOT_MANAGER}/integrations/:id/deliveries`,
    {
      config: { auth: "user", permission: "ReadIntegrations" },
      schema: {
        params,
        querystring: PagingQuery.extend({ state: z.enum(["waiting", "delivered", "failed"]).optional() }),
        response: { 200: z.array(Delivery) },
      },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { id } = request.params;
      const { offset, limit } = windowOf(request.query);
      const rows = await look(postgres, request, async (session) => {
        if ((await findWebhook(session, tenant, id)) === undefined)
          throw new ServerError("NOT_FOUND", { integration: id });
        return listDeliveries(session, tenant, id, request.query.state, { offset, limit: limit + 1 });
      });
      setPageHeaders(request, reply, request.query, { more: rows.length > limit });
      return rows.slice(0, limit).map(shownDelivery);
    },
  );

  app.post(
    `${IOT_MANAGER}/integrations/:id/test`,
    { config: { auth: "user", permission: "ManageIntegrations" }, schema: { params, response: { 200: TestOutcome } } },
    async (request) => {
      const { tenant } = callingPerson(request);
      const { id } = request.params;
      const receiver = await act(postgres, request, async (session) => {
        const result = await findReceiver(session, tenant, id);
        if (result === undefined) throw new ServerError("NOT_FOUND", { integration: id });
        return { result, acts: [{ action: "test", object: { type: "integration", id, url: result.url } }] };
      });
      const message = { id: randomUUID(), type: "webhook-test", data: { integration_id: id } };
      const outcome = await webhooks.send(receiver, { ...message, time: new Date().toISOString() });
      return {
        delivered: outcome.isDelivered,
        ...(outcome.status !== undefined && { status_code: outcome.status }),
        ...(outcome.error !== undefined && { error: outcome.error }),
        duration_ms: outcome.durationMs,
      };
    },
  );
}
