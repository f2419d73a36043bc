import { randomUUID } from "node:crypto";
import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { Integration, NewCredentials, NewIntegration } from "../../../../src/protocol/api/webhooks.ts";
import {
  addWebhook,
  enableWebhook,
  findWebhook,
  listWebhooks,
  removeWebhook,
  replaceCredentials,
} from "../../../adapters/postgres/webhooks.ts";
import { EVENT_NAMES, type EventType, MENDER_EVENTS } from "../../../domain/events/event-types.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { App, Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import { PagingQuery, setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { addLogRoutes } from "./log-routes.ts";
import { shownIntegration } from "./shown.ts";

const INTEGRATIONS = "/api/management/v1/iot-manager/integrations";
const params = z.object({ id: Id });

/** Webhooks: Mender's iot-manager, of which this server has one provider. */
export const integrationRoutes =
  (services: Services): Routes =>
  (app) => {
    addReads(app, services);
    addCreation(app, services);
    addChanges(app, services);
    addLogRoutes(app, services);
  };

function addReads(app: App, { postgres }: Services): void {
  app.get(
    INTEGRATIONS,
    {
      config: { auth: "user", permission: "ReadIntegrations" },
      schema: { querystring: PagingQuery, response: { 200: z.array(Integration) } },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { offset, limit } = windowOf(request.query);
      const rows = await look(postgres, request, (session) =>
        listWebhooks(session, tenant, { offset, limit: limit + 1 }),
      );
      setPageHeaders(request, reply, request.query, { more: rows.length > limit });
      return rows.slice(0, limit).map(shownIntegration);
    },
  );

  app.get(
    `${INTEGRATIONS}/:id`,
    { config: { auth: "user", permission: "ReadIntegrations" }, schema: { params, response: { 200: Integration } } },
    async (request) => {
      const { tenant } = callingPerson(request);
      const { id } = request.params;
      const row = await look(postgres, request, (session) => findWebhook(session, tenant, id));
      if (row === undefined) throw new ServerError("NOT_FOUND", { integration: id });
      return shownIntegration(row);
    },
  );
}

function addCreation(app: App, { postgres, webhooks }: Services): void {
  app.post(
    INTEGRATIONS,
    {
      config: { auth: "user", permission: "ManageIntegrations" },
      schema: { body: NewIntegration, response: { 201: z.undefined() } },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { credentials, description = "", events = MENDER_EVENTS } = request.body;
      const receiver = receiverOf(webhooks, credentials.http);
      const types = [...new Set(events.map(knownEvent))];
      const id = await act(postgres, request, async (session) => {
        const result = randomUUID();
        if (!(await addWebhook(session, tenant, { id: result, ...receiver, description, events: types })))
          throw new ServerError("NOT_POSSIBLE", { reason: "there are as many webhooks as there may be" });
        const object = { type: "integration", id: result, url: receiver.url };
        const after = { url: receiver.url, description, events: types, signed: receiver.secret !== undefined };
        return { result, acts: [{ action: "create", object, after }] };
      });
      return reply.status(201).header("location", `${INTEGRATIONS}/${id}`).send();
    },
  );
}

function addChanges(app: App, { postgres, webhooks }: Services): void {
  const nothing = { 204: z.undefined() };
  app.delete(
    `${INTEGRATIONS}/:id`,
    { config: { auth: "user", permission: "ManageIntegrations" }, schema: { params, response: nothing } },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { id } = request.params;
      await act(postgres, request, async (session) => {
        const row = await findWebhook(session, tenant, id);
        if (row === undefined || !(await removeWebhook(session, tenant, id)))
          throw new ServerError("NOT_FOUND", { integration: id });
        const before = { url: row.url, description: row.description, events: row.events };
        const object = { type: "integration", id, url: row.url };
        return { result: undefined, acts: [{ action: "delete", object, before }] };
      });
      return reply.status(204).send();
    },
  );

  app.put(
    `${INTEGRATIONS}/:id/credentials`,
    {
      config: { auth: "user", permission: "ManageIntegrations" },
      schema: { params, body: NewCredentials, response: nothing },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { id } = request.params;
      const receiver = receiverOf(webhooks, request.body.http);
      await act(postgres, request, async (session) => {
        const row = await findWebhook(session, tenant, id);
        if (row === undefined || !(await replaceCredentials(session, tenant, id, receiver)))
          throw new ServerError("NOT_FOUND", { integration: id });
        const object = { type: "integration", id, url: receiver.url };
        const states = { before: { url: row.url }, after: { url: receiver.url } };
        return { result: undefined, acts: [{ action: "update", object, change: "credentials", ...states }] };
      });
      return reply.status(204).send();
    },
  );

  app.post(
    `${INTEGRATIONS}/:id/enable`,
    { config: { auth: "user", permission: "ManageIntegrations" }, schema: { params, response: nothing } },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { id } = request.params;
      await act(postgres, request, async (session) => {
        if (!(await enableWebhook(session, tenant, id))) throw new ServerError("NOT_FOUND", { integration: id });
        return { result: undefined, acts: [{ action: "enable", object: { type: "integration", id } }] };
      });
      return reply.status(204).send();
    },
  );
}

/** @throws {ServerError} REQUEST_INVALID if nothing can be sent to the URL */
function receiverOf(webhooks: Services["webhooks"], { url, secret }: { url: string; secret?: string | undefined }) {
  const reason = webhooks.refusal(url);
  if (reason !== undefined) throw new ServerError("REQUEST_INVALID", { in: "body/credentials/http/url", reason });
  return { url, secret: secret === undefined ? undefined : Buffer.from(secret, "hex") };
}

function knownEvent(name: string): EventType {
  const known = EVENT_NAMES.find((one) => one === name);
  if (known === undefined)
    throw new ServerError("REQUEST_INVALID", { in: "body/events", event: name, known: EVENT_NAMES.join(" ") });
  return known;
}
