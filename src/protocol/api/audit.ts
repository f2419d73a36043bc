import { z } from "zod";
import { Timestamp } from "./common.ts";
import { Repeated } from "./text.ts";

const Text = z.string().min(1).max(1024);
const EpochSeconds = z.coerce.number().int().min(0).max(253_402_300_799);

export const AuditQuery = z.object({
  actor_id: Text.optional(),
  actor_email: Text.optional(),
  object_type: Text.optional(),
  object_id: Text.optional(),
  object_deployment_name: Text.optional(),
  created_after: EpochSeconds.optional(),
  created_before: EpochSeconds.optional(),
  sort: z.enum(["asc", "desc"]).default("desc"),
});

export const AuditExportQuery = AuditQuery.extend({
  format: z.enum(["csv", "ndjson"]).default("csv"),
  /** Without it, all records. */
  limit: z.coerce.number().int().min(1).max(1_000_000_000).optional(),
});

const Thing = z.looseObject({ type: z.string(), id: z.string() });

export const AuditLog = z.object({
  seq: z.int(),
  time: Timestamp,
  actor: Thing,
  origin: z.looseObject({ address: z.string().optional(), agent: z.string().optional() }),
  action: z.string(),
  object: Thing,
  change: z.string(),
  difference: z.record(z.string(), z.object({ before: z.unknown().optional(), after: z.unknown().optional() })),
  request_id: z.string().optional(),
});
export type AuditLog = z.infer<typeof AuditLog>;

/** `anchor` may come several times: the chain must have held these records. */
export const AuditVerifyQuery = z.object({ anchor: Repeated });

export const AuditChain = z.object({
  valid: z.boolean(),
  records: z.int(),
  broken_at: z.int().optional(),
  breach: z.enum(["CHANGED", "MISSING", "CUT", "REWRITTEN"]).optional(),
  head: z.string(),
  anchor: z.string(),
});
export type AuditChain = z.infer<typeof AuditChain>;
