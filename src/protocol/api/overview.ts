import { z } from "zod";
import { ATTENTION_CODES } from "../words/attention-codes.ts";
import { Id, Timestamp } from "./common.ts";
import { DeploymentDevice } from "./deployments.ts";

/** What needs a person, as codes with numbers. Times in `facts` are in milliseconds since 1970. */
export const Attention = z.array(
  z.object({
    code: z.enum(ATTENTION_CODES),
    facts: z.record(z.string(), z.union([z.string(), z.number()])),
    about: z.object({ type: z.enum(["rollout", "group", "webhook"]), id: z.string(), name: z.string() }).optional(),
  }),
);
export type Attention = z.infer<typeof Attention>;

/** Why a device has what it has of the deployments that run. */
export const DeviceWhy = z.object({
  device: Id,
  last_poll: Timestamp.optional(),
  /** The decision that the server took at the last poll, and the deployment it was about. */
  answer: z.object({ code: z.string(), deployment: Id.optional() }).optional(),
  /** Learnt from its polls. */
  poll_interval_s: z.number().int().optional(),
  next_poll: Timestamp.optional(),
  /** It should have polled long before. */
  is_silent: z.boolean(),
  /** The deployments that run, in the order in which devices take them. */
  deployments: z.array(
    z.object({
      id: Id,
      name: z.string(),
      artifact_name: z.string(),
      device: DeploymentDevice.optional(),
      reason: z.string(),
      /** In the order in which they are made. */
      checks: z.array(z.object({ check: z.string(), result: z.enum(["passed", "failed", "unknown"]) })),
      /** The first check that failed. */
      failed: z.string().optional(),
    }),
  ),
});
export type DeviceWhy = z.infer<typeof DeviceWhy>;
