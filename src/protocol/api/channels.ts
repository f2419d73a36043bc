import { z } from "zod";
import { Id, Timestamp } from "./common.ts";
import { Plan } from "./rollouts.ts";
import { FreeText, Line } from "./text.ts";

export const ChannelName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, - or _");
export const KeyName = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, "must be 1 to 64 letters, digits, '.', - or _");

export const NewSigningKey = z.object({
  name: KeyName,
  /** A public key in PEM form: RSA, ECDSA P-256 or Ed25519. */
  pem: z.string().min(1).max(16_384),
});

export const SigningKey = z.object({
  name: z.string(),
  algorithm: z.string(),
  /** SHA-256 of its DER form. */
  fingerprint: z.string(),
  pem: z.string(),
  created: Timestamp,
});

/** Which releases a channel takes. */
export const ChannelPolicy = z.object({
  description: FreeText.optional(),
  /** The channel in which a release must have been before. */
  after: ChannelName.optional(),
  /** Keys of which one must have signed each Artifact; an empty list: any key. Without it, signatures do not matter. */
  keys: z.array(KeyName).max(20).optional(),
  /** How many people other than the promoter must approve. */
  approvals: z.int().min(0).max(10).default(0),
});
export type ChannelPolicy = z.infer<typeof ChannelPolicy>;

const Person = z.object({ id: z.string(), email: z.string() });

export const Promotion = z.object({
  id: Id,
  channel: z.string(),
  release: z.string(),
  state: z.enum(["waiting", "done", "rejected", "superseded"]),
  note: z.string(),
  by: Person,
  approved: z.array(Person),
  rejected_by: Person.optional(),
  created: Timestamp,
  decided: Timestamp.optional(),
});
export type Promotion = z.infer<typeof Promotion>;

export const Channel = z.object({
  name: z.string(),
  description: z.string(),
  after: z.string().optional(),
  keys: z.array(z.string()).optional(),
  approvals: z.int(),
  release: z.string().optional(),
  released: Timestamp.optional(),
});
export type Channel = z.infer<typeof Channel>;

export const NewPromotion = z.object({ release: Line.min(1), note: FreeText.default("") });
export const PromotionDecision = z.object({ decision: z.enum(["approve", "reject"]) });

/** A plan that is used again with each release: instants in it would lie in the past. */
const RepeatedPlan = Plan.refine(
  ({ waves, expires_at: expires }) =>
    expires === undefined && waves.every(({ start_at: start }) => start === undefined),
  { error: "start_at and expires_at are instants, and the plan is used with each release" },
);

/** A standing wish: the devices of a dynamic group get the release of a channel, whichever it is. */
export const NewContinuousDeployment = z.object({
  name: Line.min(1).max(200),
  channel: ChannelName,
  filter_id: Id,
  retries: z.int().min(0).max(100).default(0),
  rollout: RepeatedPlan.optional(),
});

export const ContinuousDeployment = z.object({
  id: Id,
  name: z.string(),
  channel: z.string(),
  filter_id: Id,
  retries: z.int(),
  rollout: Plan.optional(),
  by: Person,
  /** The id of the deployment of the present release. */
  deployment: Id.optional(),
  created: Timestamp,
});
export type ContinuousDeployment = z.infer<typeof ContinuousDeployment>;
