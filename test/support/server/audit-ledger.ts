import type { FastifyRequest } from "fastify";
import type { Server } from "../../../server/compose.ts";
import { ServerError } from "../../../server/errors/server-error.ts";

/** Requests of people that change something and yet have another number of records than one, and why. */
const EXCEPTIONS: Readonly<Record<string, (request: FastifyRequest, answer: unknown) => readonly number[]>> = {
  // They read: what they ask for is too long for a URL.
  "POST /api/management/v2/devauth/devices/search": () => [0],
  "POST /api/management/v2/inventory/filters/search": () => [0],
  "POST /api/management/v1/deployments/deployments/statistics/list": () => [0],
  "POST /api/management/v2/deployments/rollouts/estimate": () => [0],
  // It changes nothing, and says what a rule would do.
  "POST /api/management/v2/devauth/enrolment/rules/preview": () => [0],
  // The upload is recorded when it is complete.
  "POST /api/management/v1/deployments/artifacts/directupload": () => [0],
  // What one's own console remembers is nobody else's business.
  "POST /api/management/v1/useradm/settings/me": () => [0],
  // A record for each device, or release: each of them is a change.
  "POST /api/management/v2/devauth/devices/bulk": (_, answer) => [lengthOf(answer, "changed")],
  "DELETE /api/management/v2/deployments/deployments/releases": ({ query }) => [
    new Set([(query as { name: string | string[] }).name].flat()).size,
  ],
  // Nothing has changed if all devices were in the group, or none.
  ...Object.fromEntries(
    ["PATCH", "DELETE"].map((method) => [
      `${method} /api/management/v1/inventory/groups/:name/devices`,
      (_: FastifyRequest, answer: unknown) => [numberOf(answer, "updated_count") === 0 ? 0 : 1],
    ]),
  ),
  // A change to what is there already.
  "PUT /api/management/v1/useradm/users/me": () => [0, 1],
  "PUT /api/management/v2/useradm/users/me": () => [0, 1],
  "PUT /api/management/v1/useradm/users/:id": () => [0, 1],
  "PUT /api/management/v1/useradm/sign_in": () => [0, 1],
  // Nothing has changed if there was nothing to end or to remove.
  "DELETE /api/management/v1/useradm/users/me/sessions": () => [0, 1],
  "DELETE /api/management/v1/useradm/users/:id/sessions": () => [0, 1],
  "POST /api/management/v1/useradm/users/:id/2fa/disable": () => [0, 1],
  "POST /api/management/v1/useradm/users/:id/2fa/reset": () => [0, 1],
};

const lengthOf = (answer: unknown, member: string): number =>
  (answer as Readonly<Record<string, readonly unknown[]>>)[member]?.length ?? Number.NaN;
const numberOf = (answer: unknown, member: string): number =>
  (answer as Readonly<Record<string, number>>)[member] ?? Number.NaN;

/**
 * Counts the audit records of each request by which a person may have changed something, before its answer goes out: one
 * for each that is accepted, none for each that is refused.
 *
 * @returns what was found wrong, until now
 */
export function keepLedger({ app, services }: Pick<Server, "app" | "services">): readonly string[] {
  const wrong: string[] = [];
  const keys = new Set<string>();
  app.addHook("onSend", async (request, reply, payload) => {
    const { caller, method } = request;
    const { statusCode: status } = reply;
    // After a failure of the server, nobody knows whether the change was kept.
    if (caller?.kind !== "user" || method === "GET" || method === "HEAD" || status >= 500) return payload;
    const route = `${method} ${request.routeOptions.url}`;
    const expected = status >= 300 ? [0] : expectedOf(route, request, payload);
    const found = await recordsOf(request.id, caller.tenant);
    if (found !== undefined && !expected.includes(found))
      wrong.push(`${route} ${status}: ${found} records instead of ${expected.join(" or ")}`);
    return payload;
  });
  return wrong;

  function expectedOf(route: string, request: FastifyRequest, payload: unknown): readonly number[] {
    const body = request.body as Readonly<Record<string, unknown>> | null | undefined;
    if (body?.["dry_run"] === true) return [0];
    const key = request.headers["idempotency-key"];
    if (key !== undefined && keys.size === keys.add(`${route} ${String(key)}`).size) return [0, 1];
    const exception = EXCEPTIONS[route];
    return exception === undefined ? [1] : exception(request, answerOf(payload));
  }

  async function recordsOf(request: string, tenant: string): Promise<number | undefined> {
    try {
      const [row] = await services.postgres.inTenant(tenant, (session) =>
        session.raw<{ n: number }>("SELECT count(*) AS n FROM audit WHERE request_id = $1", [request]),
      );
      return row?.n;
    } catch (error) {
      // A test has taken the database away.
      if (error instanceof ServerError) return undefined;
      throw error;
    }
  }
}

function answerOf(payload: unknown): unknown {
  return typeof payload === "string" && payload.startsWith("{") ? JSON.parse(payload) : undefined;
}
