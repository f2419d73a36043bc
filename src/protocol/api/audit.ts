import { z } from "zod";
import { Timestamp } from "./common.ts";

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

const Thing = z.looseObject({ type: z.string(), id: z.string() });

export const AuditLog = z.object({
  seq: z.int(),
  time: Timestamp,
  actor: Thing,
  action: z.string(),
  object: Thing,
  change: z.string(),
  request_id: z.string().optional(),
});
export type AuditLog = z.infer<typeof AuditLog>;

export const AuditChain = z.object({
  valid: z.boolean(),
  records: z.int(),
  broken_at: z.int().optional(),
  head: z.string(),
});
