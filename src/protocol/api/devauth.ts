import { z } from "zod";
import { Id, Timestamp } from "./common.ts";

export const DeviceStatus = z.enum(["pending", "accepted", "rejected", "preauthorized", "noauth"]);

/** What a device says of itself when it asks to be accepted. */
const IdentityData = z.record(z.string(), z.unknown());

const AuthSet = z.object({
  id: Id,
  pubkey: z.string(),
  identity_data: IdentityData,
  status: z.enum(["pending", "accepted", "rejected", "preauthorized"]),
  ts: Timestamp,
});

export const Device = z.object({
  id: Id,
  identity_data: IdentityData,
  status: DeviceStatus,
  created_ts: Timestamp,
  updated_ts: Timestamp,
  check_in_time: Timestamp.optional(),
  auth_sets: z.array(AuthSet),
  decommissioning: z.boolean(),
});
export type Device = z.infer<typeof Device>;

const oneOrMore = <T extends z.ZodType>(item: T) =>
  z
    .union([item, z.array(item).max(500)])
    .transform((value): z.output<T>[] => (Array.isArray(value) ? value : [value]) as z.output<T>[]);

/** Which devices to list. Each member may be one value or more. */
export const DeviceSearch = z.object({
  status: oneOrMore(DeviceStatus).optional(),
  id: oneOrMore(Id).optional(),
});
export type DeviceSearch = z.infer<typeof DeviceSearch>;

export const NewAuthSetStatus = z.object({ status: z.enum(["accepted", "rejected", "pending"]) });

export const PreauthorizedDevice = z.object({
  identity_data: IdentityData.refine((identity) => Object.keys(identity).length > 0, "must not be empty"),
  pubkey: z.string().min(1).max(16_384),
  force: z.boolean().optional(),
});

/** Many devices at once: each is accepted or rejected by itself, and the answer says which were not. */
export const BulkAct = z.object({
  action: z.enum(["accept", "reject"]),
  device_ids: z.array(Id).min(1).max(1000),
});

export const BulkAnswer = z.object({
  changed: z.array(Id),
  refused: z.array(z.object({ id: Id, code: z.string(), reason: z.string() })),
});
