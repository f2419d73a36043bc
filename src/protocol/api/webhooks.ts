import { z } from "zod";
import { Id, Timestamp } from "./common.ts";

const Secret = z.string().regex(/^(?:[0-9a-fA-F]{2}){1,128}$/, "expected hexadecimal digits, up to 128 bytes");

/** Where a webhook sends to, and the key of its signatures. */
export const NewCredentials = z.object({
  type: z.literal("http"),
  http: z.object({ url: z.string().min(1).max(2048), secret: Secret.optional() }),
});

export const NewIntegration = z.object({
  provider: z.literal("webhook", "this server has webhooks only"),
  credentials: NewCredentials,
  description: z.string().max(1024).optional(),
  /** Which events are sent. Mender's, if it is missing. */
  events: z.array(z.string().max(64)).min(1).max(64).optional(),
});
export type NewIntegration = z.infer<typeof NewIntegration>;

export const Integration = z.object({
  id: Id,
  provider: z.literal("webhook"),
  credentials: z.object({
    type: z.literal("http"),
    http: z.object({ url: z.string(), secret: z.literal("<omitted>").optional() }),
  }),
  description: z.string(),
  events: z.array(z.string()),
  status: z.enum(["active", "failing", "disabled"]),
  /** Since when nothing could be delivered. */
  failing_since: Timestamp.optional(),
  /** Why it was disabled. */
  reason: z.string().optional(),
  created_ts: Timestamp,
});
export type Integration = z.infer<typeof Integration>;

export const DeliveredEvent = z.object({
  id: Id,
  type: z.string(),
  data: z.looseObject({}),
  time: Timestamp,
  delivery_statuses: z.array(
    z.object({
      integration_id: Id,
      success: z.boolean(),
      status_code: z.int().optional(),
      error: z.string().optional(),
    }),
  ),
});

export const Delivery = z.object({
  /** Of the event: the `id` in the body. */
  id: Id,
  type: z.string(),
  state: z.enum(["waiting", "delivered", "failed"]),
  attempts: z.int(),
  status_code: z.int().optional(),
  error: z.string().optional(),
  duration_ms: z.int().optional(),
  time: Timestamp,
  attempted_ts: Timestamp.optional(),
  next_ts: Timestamp.optional(),
});
export type Delivery = z.infer<typeof Delivery>;

export const TestOutcome = z.object({
  delivered: z.boolean(),
  status_code: z.int().optional(),
  error: z.string().optional(),
  duration_ms: z.int(),
});
export type TestOutcome = z.infer<typeof TestOutcome>;
