import type { FastifyBaseLogger } from "fastify";
import type { Postgres } from "../adapters/postgres/postgres.ts";
import { listEnds } from "../adapters/postgres/verify-audit.ts";
import { anchorText } from "../domain/audit/anchors.ts";

/**
 * Writes where the audit log of each tenant ends into the server's own log, which leaves the machine of the database: a
 * later check finds what was cut off or written anew since then.
 *
 * @param said what was written before, by tenant; it is brought up to date
 */
export async function anchorAudit(
  postgres: Postgres,
  said: Map<string, string>,
  log: FastifyBaseLogger,
): Promise<undefined> {
  for (const end of await postgres.shared(listEnds)) {
    const anchor = anchorText(end);
    if (said.get(end.tenant) === anchor) continue;
    log.info({ tenant: end.tenant, records: end.seq, anchor }, "The audit log ends here.");
    said.set(end.tenant, anchor);
  }
  return undefined;
}
