import { createHash } from "node:crypto";
import { canonicalJson } from "../canonical-json.ts";
import type { Difference } from "./difference.ts";

/** A record of the audit log, as its hash covers it. */
export interface AuditRecord {
  readonly seq: number;
  readonly at: Date;
  /** Who: a user, the session or token they used, or the one who runs the server's own command. */
  readonly actor: Readonly<Record<string, unknown>>;
  /** From where: `address` and `agent`, as far as they are known. */
  readonly origin: Readonly<Record<string, unknown>>;
  readonly action: string;
  readonly object: Readonly<Record<string, unknown>>;
  /** What changed, in a sentence for people. */
  readonly change: string;
  /** What changed, member by member. */
  readonly difference: Difference;
  readonly requestId: string | null;
}

/** The hash before the first record. */
export const NO_HASH = Buffer.alloc(32);

/** The hash of a record of a tenant, which covers all records before it. */
export function hashRecord(previous: Buffer, tenant: string, record: AuditRecord): Buffer {
  const { seq, at, actor, origin, action, object, change, difference, requestId } = record;
  const text = canonicalJson([
    ...[tenant, seq, at.toISOString(), actor, origin, action, object, change, difference, requestId],
  ]);
  return createHash("sha256").update(previous).update(text).digest();
}
