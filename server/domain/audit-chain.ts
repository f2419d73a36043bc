import { createHash } from "node:crypto";
import { canonicalJson } from "./canonical-json.ts";

/** A record of the audit log, as its hash covers it. */
export interface AuditRecord {
  readonly seq: number;
  readonly at: Date;
  readonly actor: Readonly<Record<string, unknown>>;
  readonly action: string;
  readonly object: Readonly<Record<string, unknown>>;
  readonly change: string;
  readonly requestId: string | null;
}

/** The hash before the first record. */
export const NO_HASH = Buffer.alloc(32);

/** The hash of a record, which covers all records before it. */
export function hashRecord(
  previous: Buffer,
  { seq, at, actor, action, object, change, requestId }: AuditRecord,
): Buffer {
  const text = canonicalJson([seq, at.toISOString(), actor, action, object, change, requestId]);
  return createHash("sha256").update(previous).update(text).digest();
}
