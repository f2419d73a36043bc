import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import {
  EnrolmentPreview,
  EnrolmentRule,
  EnrolmentToken,
  MadeEnrolmentToken,
  NewEnrolmentRule,
  NewEnrolmentToken,
} from "../../../../src/protocol/api/enrolment.ts";
import { compileRule, isNetwork } from "../../../adapters/enrolment/rules.ts";
import {
  addRule,
  addToken,
  listApplicants,
  listRules,
  listTokens,
  removeRule,
  revokeToken,
  type StoredToken,
} from "../../../adapters/postgres/enrolment.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { requireAllDevices } from "../../../adapters/postgres/sight.ts";
import { PatternError } from "../../../domain/filters/pattern.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { App, Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";

const RULES = "/api/management/v2/devauth/enrolment/rules";
const TOKENS = "/api/management/v2/devauth/enrolment/tokens";
const config = { auth: "user", permission: "ManageDevices" } as const;
const params = z.object({ id: Id });
const nothing = { 204: z.undefined() };
/** Devices that wait and are in memory at once, and ids in an answer at most. */
const BATCH = 1000;

/** Who comes in without a person: rules, and tokens that devices bring along. A new device is in no group. */
export const enrolmentRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    addRuleRoutes(app, postgres);
    addTokenRoutes(app, postgres);
  };

function addRuleRoutes(app: App, postgres: Services["postgres"]): void {
  app.get(RULES, { config, schema: { response: { 200: z.array(EnrolmentRule) } } }, async (request) => {
    const { tenant } = callingPerson(request);
    const rows = await look(postgres, request, (session) => listRules(session, tenant));
    return rows.map(({ id, name, identity, networks, created_at }) => ({
      ...{ id, name, identity: identity.map(copyOf), networks: [...networks] },
      created_ts: created_at.toISOString(),
    }));
  });

  app.post(
    RULES,
    { config, schema: { body: NewEnrolmentRule, response: { 201: z.undefined() } } },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const rule = request.body;
      ready(rule);
      const id = await act(postgres, request, async (session) => {
        requireAllDevices(session);
        const result = await addRule(session, tenant, rule);
        const object = { type: "enrolment-rule", id: result, name: rule.name };
        return { result, acts: [{ action: "create", object, after: { ...rule } }] };
      });
      return reply.status(201).header("location", `${RULES}/${id}`).send();
    },
  );

  app.delete(`${RULES}/:id`, { config, schema: { params, response: nothing } }, async (request, reply) => {
    const { tenant } = callingPerson(request);
    const { id } = request.params;
    await act(postgres, request, async (session) => {
      requireAllDevices(session);
      const row = await removeRule(session, tenant, id);
      if (row === undefined) throw new ServerError("NOT_FOUND", { rule: id });
      const { name, identity, networks } = row;
      const object = { type: "enrolment-rule", id, name };
      return { result: undefined, acts: [{ action: "delete", object, before: { identity, networks } }] };
    });
    return reply.status(204).send();
  });

  app.post(
    `${RULES}/preview`,
    { config, schema: { body: NewEnrolmentRule, response: { 200: EnrolmentPreview } } },
    async (request) => {
      const { tenant } = callingPerson(request);
      const fits = ready(request.body);
      return look(postgres, request, (session) => previewOf(session, tenant, fits));
    },
  );
}

async function previewOf(
  session: Session,
  tenant: string,
  fits: ReturnType<typeof compileRule>,
): Promise<EnrolmentPreview> {
  requireAllDevices(session);
  const preview: EnrolmentPreview = { pending: 0, matching: 0, device_ids: [] };
  for (let after: string | undefined; ; ) {
    const rows = await listApplicants(session, tenant, after, BATCH);
    preview.pending += rows.length;
    for (const row of rows.filter(fits)) {
      preview.matching += 1;
      if (preview.device_ids.length < BATCH) preview.device_ids.push(row.id);
    }
    if (rows.length < BATCH) return preview;
    after = rows.at(-1)?.id;
  }
}

/** @throws {ServerError} REQUEST_INVALID */
function ready(rule: z.output<typeof NewEnrolmentRule>): ReturnType<typeof compileRule> {
  const wrong = rule.networks.find((network) => !isNetwork(network));
  if (wrong !== undefined)
    throw new ServerError("REQUEST_INVALID", {
      in: "body/networks",
      network: wrong,
      reason: "not an address or network",
    });
  try {
    return compileRule(rule);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new ServerError("REQUEST_INVALID", { in: "body/identity", reason: error.message }, { cause: error });
  }
}

const copyOf = (condition: EnrolmentRule["identity"][number] | { attribute: string; values: readonly string[] }) =>
  "regex" in condition ? { ...condition } : { attribute: condition.attribute, values: [...condition.values] };

function addTokenRoutes(app: App, postgres: Services["postgres"]): void {
  app.get(TOKENS, { config, schema: { response: { 200: z.array(EnrolmentToken) } } }, async (request) => {
    const { tenant } = callingPerson(request);
    const rows = await look(postgres, request, (session) => listTokens(session, tenant));
    const now = new Date();
    return rows.map((row) => ({
      ...{ id: row.id, name: row.name, state: stateOf(row, now), uses: row.uses },
      ...(row.uses_max !== null && { max_uses: row.uses_max }),
      ...{ expires_ts: row.expires_at.toISOString(), created_ts: row.created_at.toISOString() },
    }));
  });

  app.post(
    TOKENS,
    { config, schema: { body: NewEnrolmentToken, response: { 201: MadeEnrolmentToken } } },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { name, expires_in, max_uses: usesMax } = request.body;
      const expiresAt = new Date(Date.now() + expires_in * 1000);
      const made = await act(postgres, request, async (session) => {
        requireAllDevices(session);
        const result = await addToken(session, tenant, { name, expiresAt, usesMax });
        const object = { type: "enrolment-token", id: result.id, name };
        return { result, acts: [{ action: "create", object, after: { expires: expiresAt, max_uses: usesMax } }] };
      });
      return reply.status(201).header("location", `${TOKENS}/${made.id}`).send(made);
    },
  );

  app.delete(`${TOKENS}/:id`, { config, schema: { params, response: nothing } }, async (request, reply) => {
    const { tenant } = callingPerson(request);
    const { id } = request.params;
    await act(postgres, request, async (session) => {
      requireAllDevices(session);
      const name = await revokeToken(session, tenant, id);
      if (name === undefined) throw new ServerError("NOT_FOUND", { token: id });
      return { result: undefined, acts: [{ action: "revoke", object: { type: "enrolment-token", id, name } }] };
    });
    return reply.status(204).send();
  });
}

function stateOf({ revoked_at, expires_at, uses, uses_max }: StoredToken, now: Date): EnrolmentToken["state"] {
  if (revoked_at !== null) return "revoked";
  if (expires_at <= now) return "expired";
  return uses_max !== null && uses >= uses_max ? "used" : "valid";
}
