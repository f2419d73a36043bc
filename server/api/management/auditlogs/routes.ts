import { z } from "zod";
import { AuditChain, AuditLog, AuditQuery } from "../../../../src/protocol/api/audit.ts";
import { type AuditFilter, countAudit, listAudit, verifyAudit, walkAudit } from "../../../adapters/postgres/audit.ts";
import type { AuditRecord } from "../../../domain/audit-chain.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { CursorQuery, walkerOf } from "../../cursors.ts";
import { look } from "../../guard.ts";
import { setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { csvLine } from "./csv.ts";

const V1 = "/api/management/v1/auditlogs/logs";
const EXPORT_MAX = 20_000;

/** Who did what: the audit log, to read. */
export const auditlogsRoutes =
  (services: Services): Routes =>
  (app) => {
    const { postgres } = services;
    app.get(
      V1,
      {
        config: { auth: "user", permission: "ReadAuditLogs" },
        schema: { querystring: AuditQuery.extend(CursorQuery.shape), response: { 200: z.array(AuditLog) } },
      },
      async (request, reply) => {
        const { page, per_page, cursor, sort, ...query } = request.query;
        const { tenant } = callingPerson(request);
        const filter = filterOf(query);
        const walked = { tenant, list: "audit", query: { sort, ...query } };
        const walker = walkerOf(services, request, { page, per_page, cursor }, walked);
        if (walker !== undefined) {
          const { rows, next } = await look(postgres, request, (session) =>
            walkAudit(session, tenant, filter, { sort, ...walker }),
          );
          walker.setHeaders(reply, next);
          return rows.map(shown);
        }
        const [rows, total] = await look(postgres, request, async (session) => [
          await listAudit(session, tenant, filter, { sort, ...windowOf({ page, per_page }) }),
          await countAudit(session, tenant, filter),
        ]);
        setPageHeaders(request, reply, { page, per_page }, { total });
        return rows.map(shown);
      },
    );

    app.get(
      `${V1}/export`,
      {
        config: { auth: "user", permission: "ReadAuditLogs" },
        schema: {
          querystring: AuditQuery.extend({ limit: z.coerce.number().int().min(1).max(EXPORT_MAX).default(EXPORT_MAX) }),
          response: { 200: z.string() },
        },
      },
      async (request, reply) => {
        const { limit, sort, ...query } = request.query;
        const { tenant } = callingPerson(request);
        const rows = await look(postgres, request, (session) =>
          listAudit(session, tenant, filterOf(query), { sort, offset: 0, limit }),
        );
        const lines = [
          csvLine(["seq", "time", "actor", "action", "type", "id", "object", "change"]),
          ...rows.map(line),
        ];
        return reply
          .type("text/csv; charset=utf-8")
          .header("content-disposition", 'attachment; filename="audit.csv"')
          .serializer(String)
          .send(lines.join(""));
      },
    );

    app.get(
      `${V1}/verify`,
      { config: { auth: "user", permission: "ReadAuditLogs" }, schema: { response: { 200: AuditChain } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        const { records, brokenAt, head } = await look(postgres, request, (session) => verifyAudit(session, tenant));
        return { valid: brokenAt === undefined, records, head, ...(brokenAt !== undefined && { broken_at: brokenAt }) };
      },
    );
  };

function filterOf(query: Omit<z.output<typeof AuditQuery>, "sort">): AuditFilter {
  const instant = (seconds: number | undefined) => (seconds === undefined ? undefined : new Date(seconds * 1000));
  return {
    actorId: query.actor_id,
    actorEmail: query.actor_email,
    objectType: query.object_type,
    objectId: query.object_id,
    deploymentName: query.object_deployment_name,
    after: instant(query.created_after),
    before: instant(query.created_before),
  };
}

const shown = ({ seq, at, actor, action, object, change, requestId }: AuditRecord): AuditLog => ({
  ...{ seq, time: at.toISOString(), action, change },
  actor: { type: "", id: "", ...actor },
  object: { type: "", id: "", ...object },
  ...(requestId !== null && { request_id: requestId }),
});

const line = ({ seq, at, actor, action, object, change }: AuditRecord): string =>
  csvLine([
    ...[String(seq), at.toISOString(), String(actor["email"] ?? actor["id"] ?? ""), action],
    ...[String(object["type"] ?? ""), String(object["id"] ?? ""), JSON.stringify(object), change],
  ]);
