import { z } from "zod";
import {
  Channel,
  ChannelName,
  ChannelPolicy,
  NewPromotion,
  Promotion,
  PromotionDecision,
} from "../../../../src/protocol/api/channels.ts";
import { Id } from "../../../../src/protocol/api/common.ts";
import {
  decide,
  findChannel,
  listChannels,
  listPromotions,
  promote,
  removeChannel,
  type Channel as StoredChannel,
  type Promotion as StoredPromotion,
  writeChannel,
} from "../../../adapters/postgres/channels.ts";
import { lockTargets } from "../../../adapters/postgres/create-deployment.ts";
import type { App, Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import { PagingQuery, setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";

const CHANNELS = "/api/management/v1/deployments/channels";
const params = z.object({ name: ChannelName });

/** Channels of releases, and what is brought into them. */
export const channelRoutes =
  (services: Services): Routes =>
  (app) => {
    addChannels(app, services);
    addPromotions(app, services);
  };

function addChannels(app: App, { postgres }: Services): void {
  app.get(
    CHANNELS,
    { config: { auth: "user", permission: "ReadReleases" }, schema: { response: { 200: z.array(Channel) } } },
    async (request) => {
      const { tenant } = callingPerson(request);
      return (await look(postgres, request, (session) => listChannels(session, tenant))).map(shownChannel);
    },
  );

  app.get(
    `${CHANNELS}/:name`,
    { config: { auth: "user", permission: "ReadReleases" }, schema: { params, response: { 200: Channel } } },
    async (request) => {
      const { tenant } = callingPerson(request);
      const { name } = request.params;
      return shownChannel(await look(postgres, request, (session) => findChannel(session, tenant, name)));
    },
  );

  app.put(
    `${CHANNELS}/:name`,
    {
      config: { auth: "user", permission: "ManageChannels" },
      schema: { params, body: ChannelPolicy, response: { 204: z.undefined() } },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { name } = request.params;
      const { description = "", after = null, keys = null, approvals } = request.body;
      const policy = { name, description, after, keys: keys && [...new Set(keys)], approvals };
      await act(postgres, request, async (session) => {
        const before = await writeChannel(session, tenant, policy);
        const object = { type: "channel", id: name };
        const action = before === undefined ? "create" : "update";
        return {
          result: undefined,
          acts: [{ action, object, ...(before && { before: policyOf(before) }), after: policy }],
        };
      });
      return reply.status(204).send();
    },
  );

  app.delete(
    `${CHANNELS}/:name`,
    {
      config: { auth: "user", permission: "ManageChannels" },
      schema: { params, response: { 204: z.undefined() } },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { name } = request.params;
      await act(postgres, request, async (session) => {
        await removeChannel(session, tenant, name);
        return { result: undefined, acts: [{ action: "delete", object: { type: "channel", id: name } }] };
      });
      return reply.status(204).send();
    },
  );
}

function addPromotions(app: App, { postgres }: Services): void {
  app.get(
    `${CHANNELS}/:name/promotions`,
    {
      config: { auth: "user", permission: "ReadReleases" },
      schema: { params, querystring: PagingQuery, response: { 200: z.array(Promotion) } },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { name } = request.params;
      const { promotions, total } = await look(postgres, request, (session) =>
        listPromotions(session, tenant, name, windowOf(request.query)),
      );
      setPageHeaders(request, reply, request.query, { total });
      return promotions.map(shownPromotion);
    },
  );

  app.post(
    `${CHANNELS}/:name/promotions`,
    {
      config: { auth: "user", permission: "PromoteReleases" },
      schema: { params, body: NewPromotion, response: { 201: Promotion } },
    },
    async (request, reply) => {
      const { tenant, user, email } = callingPerson(request);
      const { name } = request.params;
      const by = { id: user, email };
      const made = await act(postgres, request, async (session) => {
        await lockTargets(session, tenant);
        const result = await promote(session, tenant, name, { ...request.body, by });
        const object = { type: "channel", id: name, promotion: result.id, release: result.release };
        return { result, acts: [{ action: "promote", object, change: result.state }] };
      });
      return reply.status(201).send(shownPromotion(made));
    },
  );

  app.post(
    `${CHANNELS}/:name/promotions/:id/decision`,
    {
      config: { auth: "user", permission: "PromoteReleases" },
      schema: { params: params.extend({ id: Id }), body: PromotionDecision, response: { 200: Promotion } },
    },
    async (request) => {
      const { tenant, user, email } = callingPerson(request);
      const { name, id } = request.params;
      const { decision } = request.body;
      const by = { id: user, email };
      return shownPromotion(
        await act(postgres, request, async (session) => {
          await lockTargets(session, tenant);
          const result = await decide(session, tenant, name, { id, isApproved: decision === "approve", by });
          const object = { type: "channel", id: name, promotion: id, release: result.release };
          return { result, acts: [{ action: decision, object, change: result.state }] };
        }),
      );
    },
  );
}

const policyOf = ({ name, description, after, keys, approvals }: StoredChannel) => ({
  ...{ name, description, after, keys, approvals },
});

const shownChannel = ({ name, description, after, keys, approvals, release, released_at }: StoredChannel): Channel => ({
  ...{ name, description, approvals },
  ...(after !== null && { after }),
  ...(keys !== null && { keys: [...keys] }),
  ...(release !== null && { release }),
  ...(released_at !== null && { released: released_at.toISOString() }),
});

const shownPromotion = (row: StoredPromotion): Promotion => ({
  ...{ id: row.id, channel: row.channel, release: row.release, state: row.state, note: row.note, by: row.by },
  approved: [...row.approved],
  ...(row.rejected_by !== null && { rejected_by: row.rejected_by }),
  created: row.created_at.toISOString(),
  ...(row.decided_at !== null && { decided: row.decided_at.toISOString() }),
});
