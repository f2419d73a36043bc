import { randomUUID } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { NewProvider, type ProviderSettings, Provider as ProviderShape } from "../../../../src/protocol/api/sign-in.ts";
import {
  addProvider,
  changeProvider,
  endSessionsOf,
  findProvider,
  type IdentityProvider,
  listProviders,
  removeProvider,
} from "../../../adapters/postgres/identity-providers.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { lockRoles, setsOfRoles } from "../../../adapters/postgres/roles.ts";
import type { ProviderRules } from "../../../domain/sign-in/admit.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { oidcUrl } from "./oidc-url.ts";
import { requireCovered } from "./roles.ts";

const METADATA = "/api/management/v1/useradm/sso/idp/metadata";
const params = z.object({ id: Id });
const nothing = { 204: z.undefined() };
/** What answers have in place of a secret. */
const OMITTED = "<omitted>";

/** Identity providers of a tenant. They give roles to people, so only who may do everything changes them. */
export const providerRoutes =
  (services: Services): Routes =>
  (app) => {
    const { postgres, openId } = services;

    app.get(
      METADATA,
      { config: { auth: "user", permission: "ReadUsers" }, schema: { response: { 200: z.array(ProviderShape) } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        const rows = await look(postgres, request, (session) => listProviders(session, tenant));
        return rows.map((row) => shown(row, services, request));
      },
    );

    app.get(
      `${METADATA}/:id`,
      { config: { auth: "user", permission: "ReadUsers" }, schema: { params, response: { 200: ProviderShape } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        const { id } = request.params;
        return shown(await look(postgres, request, (session) => findProvider(session, tenant, id)), services, request);
      },
    );

    app.post(
      METADATA,
      {
        config: { auth: "user", permission: "ManageUsers" },
        schema: { body: NewProvider, response: { 201: z.undefined() } },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        requireCovered(request, [{ name: "SuperUser" }]);
        const provider = { id: randomUUID(), ...read(request.body, openId, null) };
        await act(postgres, request, async (session) => {
          await requireRoles(session, tenant, provider.rules);
          await addProvider(session, tenant, provider);
          const object = { type: "identity_provider", id: provider.id, name: provider.name };
          return { result: undefined, acts: [{ action: "create", object, after: recorded(provider) }] };
        });
        return reply.status(201).header("location", `${METADATA}/${provider.id}`).send();
      },
    );

    app.put(
      `${METADATA}/:id`,
      {
        config: { auth: "user", permission: "ManageUsers" },
        schema: { params, body: NewProvider, response: nothing },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { id } = request.params;
        requireCovered(request, [{ name: "SuperUser" }]);
        await act(postgres, request, async (session) => {
          const before = await findProvider(session, tenant, id);
          const after = { id, ...read(request.body, openId, before.client_secret) };
          await requireRoles(session, tenant, after.rules);
          await changeProvider(session, tenant, after);
          // The people of another issuer are others.
          const ended = after.issuer === before.issuer ? 0 : await endSessionsOf(session, tenant, id);
          const states = { before: recorded(before), after: recorded(after) };
          const change = ended === 0 ? "" : `sessions: ${ended} ended`;
          const object = { type: "identity_provider", id, name: after.name };
          return { result: undefined, acts: [{ action: "update", object, change, ...states }] };
        });
        return reply.status(204).send();
      },
    );

    app.delete(
      `${METADATA}/:id`,
      { config: { auth: "user", permission: "ManageUsers" }, schema: { params, response: nothing } },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { id } = request.params;
        requireCovered(request, [{ name: "SuperUser" }]);
        await act(postgres, request, async (session) => {
          const before = await findProvider(session, tenant, id);
          const ended = await endSessionsOf(session, tenant, id);
          await removeProvider(session, tenant, id);
          const object = { type: "identity_provider", id, name: before.name };
          const change = `sessions: ${ended} ended`;
          return { result: undefined, acts: [{ action: "delete", object, change, before: recorded(before) }] };
        });
        return reply.status(204).send();
      },
    );
  };

/** The roles must be there, and stay: whoever removes one waits. @throws {ServerError} NOT_POSSIBLE */
async function requireRoles(session: Session, tenant: string, rules: ProviderRules): Promise<void> {
  await lockRoles(session, tenant);
  await setsOfRoles(session, tenant, [
    ...rules.roleMapping.flatMap(({ roles }) => roles),
    ...(rules.defaultRoles ?? []),
  ]);
}

/** @throws {ServerError} REQUEST_INVALID if the provider cannot be used, or lets nobody in */
function read({ name, settings }: NewProvider, openId: Services["openId"], presentSecret: string | null) {
  const { issuer, client_id, client_secret: given } = settings;
  const reason = openId.refusal(issuer);
  if (reason !== undefined) throw new ServerError("REQUEST_INVALID", { in: "body/settings/issuer", reason });
  const rules = readRules(settings);
  if (rules.roleMapping.length === 0 && rules.defaultRoles === undefined)
    throw new ServerError("REQUEST_INVALID", {
      in: "body/settings",
      reason: "role_mapping and default_roles are missing: nobody could sign in",
    });
  const client_secret = given === undefined || given === OMITTED ? presentSecret : given;
  return { name, issuer, client_id, client_secret, rules };
}

function readRules(settings: ProviderSettings): ProviderRules {
  const { scopes = ["email", "profile"], email_domains: domains = [], role_mapping: mapping = [] } = settings;
  return {
    scopes,
    emailDomains: [...new Set(domains.map((domain) => domain.toLowerCase()))],
    groupsClaim: settings.groups_claim ?? "groups",
    roleMapping: mapping,
    defaultRoles: settings.default_roles,
    createsUsers: settings.create_users ?? false,
    linksByEmail: settings.link_by_email ?? false,
    sessionHours: settings.session_hours ?? 12,
  };
}

type Stored = Pick<IdentityProvider, "name" | "issuer" | "client_id" | "client_secret" | "rules">;

function settingsOf({ issuer, client_id, client_secret, rules }: Stored): ProviderSettings {
  return {
    ...{ issuer, client_id },
    ...(client_secret !== null && { client_secret }),
    ...{ scopes: [...rules.scopes], email_domains: [...rules.emailDomains], groups_claim: rules.groupsClaim },
    role_mapping: rules.roleMapping.map(({ group, roles }) => ({ group, roles: [...roles] })),
    ...(rules.defaultRoles !== undefined && { default_roles: [...rules.defaultRoles] }),
    ...{ create_users: rules.createsUsers, link_by_email: rules.linksByEmail, session_hours: rules.sessionHours },
  };
}

/** For the audit log, which leaves secrets out. */
const recorded = (provider: Stored): Readonly<Record<string, unknown>> => ({
  ...{ name: provider.name, ...settingsOf(provider) },
});

function shown(row: IdentityProvider, services: Services, request: FastifyRequest): ProviderShape {
  const { id, name, client_secret, created_at, updated_at } = row;
  return {
    ...{ id, name },
    settings: { ...settingsOf(row), ...(client_secret !== null && { client_secret: OMITTED }) },
    ...{ start_url: oidcUrl(services, request, id, "start"), callback_url: oidcUrl(services, request, id, "callback") },
    ...{ created_ts: created_at.toISOString(), updated_ts: updated_at.toISOString() },
  };
}
