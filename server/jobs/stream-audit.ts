import type { FastifyBaseLogger } from "fastify";
import {
  advanceStream,
  claimStreams,
  failStream,
  readRecords,
  type StreamClaim,
} from "../adapters/postgres/audit-streams.ts";
import type { Postgres } from "../adapters/postgres/postgres.ts";
import type { Collector } from "../adapters/syslog/collector.ts";
import { type SyslogSender, syslogMessage } from "../domain/audit/syslog.ts";

/** Records of one connection. */
const BATCH = 500;
const AT_ONCE = 10;
const LONGEST_PAUSE_S = 60;

export interface AuditStream extends SyslogSender {
  readonly collector: Collector;
  /** Names the collector. Another one gets the whole log from its beginning. */
  readonly destination: string;
}

/**
 * Sends what the collector has not got of the audit logs of all tenants: in the order of the records, at least once each.
 * Any process may do so at any time; of each log, one sends.
 */
export async function streamAudit(postgres: Postgres, stream: AuditStream, log: FastifyBaseLogger): Promise<void> {
  for (;;) {
    const claims = await claimStreams(postgres, stream.destination, AT_ONCE);
    const whole = await Promise.all(claims.map((claim) => sendSome(postgres, stream, claim, log)));
    // A failure waits for its next turn.
    if (!whole.some((isSent) => isSent)) return;
  }
}

/** @returns whether all that was read has arrived */
async function sendSome(
  postgres: Postgres,
  { collector, destination, ...sender }: AuditStream,
  claim: StreamClaim,
  log: FastifyBaseLogger,
): Promise<boolean> {
  const records = await readRecords(postgres, claim, BATCH);
  try {
    await collector.send(records.map((record) => syslogMessage(record, sender)));
  } catch (error) {
    const pauseS = Math.min(LONGEST_PAUSE_S, 2 ** Math.min(claim.failures, 10));
    await failStream(postgres, claim, pauseS);
    if (claim.failures === 0)
      log.warn(
        { err: error, tenant: claim.tenant, destination },
        "Audit records cannot be sent. They are tried again.",
      );
    return false;
  }
  await advanceStream(postgres, claim, records.at(-1)?.seq ?? claim.seq);
  if (claim.failures > 0) log.info({ tenant: claim.tenant, destination }, "Audit records are sent again.");
  return true;
}
