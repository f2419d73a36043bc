import { z } from "zod";
import { Id, Timestamp } from "./common.ts";
import { Line } from "./text.ts";

const Name = Line.min(1);

const Condition = z.union([
  z.strictObject({ attribute: Name, regex: z.string().min(1).max(240) }),
  z.strictObject({ attribute: Name, values: z.array(z.string().min(1).max(256)).min(1).max(20_000) }),
]);

/** Which devices are accepted by themselves: those for which all conditions hold, from one of the networks. */
export const NewEnrolmentRule = z
  .object({
    name: Name,
    identity: z.array(Condition).max(20).default([]),
    networks: z.array(z.string().max(64)).max(100).default([]),
  })
  .refine(
    ({ identity, networks }) => identity.length + networks.length > 0,
    "a rule without conditions fits everybody",
  );

export const EnrolmentRule = z.object({
  id: Id,
  name: z.string(),
  identity: z.array(Condition),
  networks: z.array(z.string()),
  created_ts: Timestamp,
});
export type EnrolmentRule = z.infer<typeof EnrolmentRule>;

/** What a rule would accept of the devices that wait. */
export const EnrolmentPreview = z.object({ pending: z.int(), matching: z.int(), device_ids: z.array(Id) });
export type EnrolmentPreview = z.infer<typeof EnrolmentPreview>;

export const NewEnrolmentToken = z.object({
  name: Name,
  /** Seconds. */
  expires_in: z.int().min(1).max(31_622_400),
  max_uses: z.int().min(1).max(1_000_000_000).optional(),
});

/** `token` is what devices send as their tenant token. It is shown this once. */
export const MadeEnrolmentToken = z.object({ id: Id, token: z.string() });
export type MadeEnrolmentToken = z.infer<typeof MadeEnrolmentToken>;

export const EnrolmentToken = z.object({
  id: Id,
  name: z.string(),
  state: z.enum(["valid", "expired", "used", "revoked"]),
  uses: z.int(),
  max_uses: z.int().optional(),
  expires_ts: Timestamp,
  created_ts: Timestamp,
});
export type EnrolmentToken = z.infer<typeof EnrolmentToken>;
