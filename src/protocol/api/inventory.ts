import { z } from "zod";
import { Id, Timestamp } from "./common.ts";
import { DeviceStatus } from "./devauth.ts";
import { Terms } from "./filters.ts";

const Name = z.string().min(1).max(1024);

export const GroupName = z.string().regex(/^[A-Za-z0-9_-]{1,256}$/, "must be 1 to 256 letters, digits, - or _");

export const InventoryDevice = z.object({
  id: Id,
  updated_ts: Timestamp,
  attributes: z.array(
    z.object({ name: z.string(), scope: z.string(), value: z.unknown(), description: z.string().optional() }),
  ),
});
export type InventoryDevice = z.infer<typeof InventoryDevice>;

const Place = z.object({ scope: Name, attribute: Name });

export const InventorySearch = z.object({
  page: z.int().min(1).max(1_000_000).default(1),
  per_page: z.int().min(1).max(500).default(20),
  /** In place of a page: the `X-Next-Cursor` of the answer before, or an empty text for the first devices. */
  cursor: z.string().max(16_384).optional(),
  filters: Terms.default([]),
  sort: z
    .array(Place.extend({ order: z.enum(["asc", "desc"]).default("asc") }))
    .max(5)
    .default([]),
  /** Which attributes the answer shows. Without it, all. */
  attributes: z.array(Place).max(100).optional(),
  device_ids: z.array(Id).max(5000).optional(),
  /** Words that all must be in the identity, the tags, the host name or the id. */
  text: z.string().max(256).optional(),
});
export type InventorySearch = z.output<typeof InventorySearch>;

export const DeviceIds = z.array(Id).min(1).max(10_000);
export const GroupChange = z.object({ updated_count: z.int(), matched_count: z.int() });

export const Tags = z
  .array(z.object({ name: Name, value: z.string().max(4096), description: z.string().max(4096).optional() }))
  .max(20, "a device has at most 20 tags");
export type Tags = z.infer<typeof Tags>;

export const AttributeNames = z.array(z.object({ name: z.string(), scope: z.string(), count: z.int() }));

export const InventoryStatistics = z.object({
  devices_by_status: z.partialRecord(DeviceStatus, z.object({ standard: z.int(), micro: z.int(), system: z.int() })),
});
