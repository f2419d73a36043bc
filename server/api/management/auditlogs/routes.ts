import { Readable } from "node:stream";
import { z } from "zod";
import {
  AuditChain,
  AuditExportQuery,
  AuditLog,
  AuditQuery,
  AuditVerifyQuery,
} from "../../../../src/protocol/api/audit.ts";
import { type AuditFilter, countAudit, listAudit, walkAudit } from "../../../adapters/postgres/audit.ts";
import { verifyAudit } from "../../../adapters/postgres/verify-audit.ts";
import { type Anchor, anchorsIn, anchorText } from "../../../domain/audit/anchors.ts";
import type { Position } from "../../../domain/cursors/cursors.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { CursorQuery, walkerOf } from "../../cursors.ts";
import { look } from "../../guard.ts";
import { setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { CSV_HEAD, csvRow, ndjsonRow, shownRecord } from "./shown.ts";

const V1 = "/api/management/v1/auditlogs/logs";
/** Records of an export that are in memory at once. */
const BATCH = 1000;

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
          return rows.map(shownRecord);
        }
        const [rows, total] = await look(postgres, request, async (session) => [
          await listAudit(session, tenant, filter, { sort, ...windowOf({ page, per_page }) }),
          await countAudit(session, tenant, filter),
        ]);
        setPageHeaders(request, reply, { page, per_page }, { total });
        return rows.map(shownRecord);
      },
    );

    app.get(
      `${V1}/export`,
      {
        config: { auth: "user", permission: "ReadAuditLogs" },
        schema: { querystring: AuditExportQuery },
      },
      async (request, reply) => {
        const { limit = Number.POSITIVE_INFINITY, sort, format, ...query } = request.query;
        const { tenant } = callingPerson(request);
        const filter = filterOf(query);
        // Each stretch is read by itself: an export of millions must not keep a transaction open.
        async function* lines(): AsyncGenerator<string> {
          if (format === "csv") yield CSV_HEAD;
          let left = limit;
          let after: Position | undefined;
          do {
            const walk = { sort, after, limit: Math.min(BATCH, left) };
            const { rows, next } = await look(postgres, request, (session) => walkAudit(session, tenant, filter, walk));
            yield rows.map(format === "csv" ? csvRow : ndjsonRow).join("");
            left -= rows.length;
            after = next;
          } while (after !== undefined && left > 0);
        }
        return reply
          .type(format === "csv" ? "text/csv; charset=utf-8" : "application/x-ndjson; charset=utf-8")
          .header("content-disposition", `attachment; filename="audit.${format}"`)
          .send(Readable.from(lines()));
      },
    );

    app.get(
      `${V1}/verify`,
      {
        config: { auth: "user", permission: "ReadAuditLogs" },
        schema: { querystring: AuditVerifyQuery, response: { 200: AuditChain } },
      },
      async (request) => {
        const { tenant } = callingPerson(request);
        const anchors = request.query.anchor.map((text) => ownAnchor(text, tenant));
        const { records, head, broken } = await look(postgres, request, (session) =>
          verifyAudit(session, tenant, anchors),
        );
        return {
          ...{ valid: broken === undefined, records, head, anchor: anchorText({ tenant, seq: records, hash: head }) },
          ...(broken !== undefined && { broken_at: broken.at, breach: broken.breach }),
        };
      },
    );
  };

/** @throws {ServerError} REQUEST_INVALID if it is not the anchor of this tenant */
function ownAnchor(text: string, tenant: string): Anchor {
  const [anchor, ...more] = anchorsIn(text);
  if (anchor === undefined || more.length > 0 || anchor.tenant !== tenant)
    throw new ServerError("REQUEST_INVALID", { in: "querystring/anchor", reason: "not an anchor of this tenant" });
  return anchor;
}

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
