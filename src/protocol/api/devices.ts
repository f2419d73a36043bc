import { z } from "zod";
import { Id, Timestamp } from "./common.ts";

/**
 * What devices send and get. Real clients differ in what they add, so unknown members pass. Their texts are limited in
 * length, because the server keeps them.
 */

/** PostgreSQL keeps no NUL and no lone surrogate. */
const isStorable = (text: string): boolean => !/\p{Cs}|\0/u.test(text);
const text = (max: number) => z.string().max(max).refine(isStorable, "has characters that cannot be kept");

export const AuthRequest = z.looseObject({
  /** JSON, as a text: the device signs it as it is. */
  id_data: z.string().min(2).max(16_384),
  pubkey: z.string().min(1).max(16_384),
  tenant_token: z.string().max(1024).nullish(),
  tier: text(32).nullish(),
});

export type AuthRequest = z.infer<typeof AuthRequest>;

export const DeviceError = z.looseObject({ error: z.string(), code: z.string(), request_id: z.string() });

const Provides = z.record(text(1024), text(16_384));

/** `POST v1`: flat. */
export const NextRequestV1 = Provides;

export const NextRequestV2 = z.looseObject({
  device_provides: Provides,
  update_control_map: z.boolean().nullish(),
});

export type NextRequestV2 = z.infer<typeof NextRequestV2>;

export const NextQuery = z.looseObject({ artifact_name: text(1024).optional(), device_type: text(1024).optional() });

const UpdateControlMap = z.looseObject({ id: Id });

export const NextAnswer = z.object({
  id: Id,
  artifact: z.object({
    id: Id,
    artifact_name: z.string(),
    source: z.object({ uri: z.string(), expire: Timestamp }),
    device_types_compatible: z.array(z.string()),
  }),
  update_control_map: UpdateControlMap.optional(),
});

export type NextAnswer = z.infer<typeof NextAnswer>;

export const ControlMapAnswer = z.object({ update_control_map: UpdateControlMap });

export const DeploymentOfDevice = z.object({ id: Id });

export const StatusReport = z.looseObject({
  status: z.enum([
    "downloading",
    "installing",
    "rebooting",
    "pause_before_installing",
    "pause_before_rebooting",
    "pause_before_committing",
    "success",
    "failure",
    "already-installed",
  ]),
  substate: text(4096).nullish(),
});

export const LogReport = z.looseObject({
  messages: z.array(z.looseObject({ timestamp: z.string(), level: z.string(), message: z.string() })),
});

const AttributeValue = z.union([text(65_536), z.number(), z.array(text(65_536)).max(10_000)]);

/** Searches by these have an index, which holds no longer values. */
const INDEXED: ReadonlySet<string> = new Set(["artifact_name", "device_type"]);
const INDEXED_MAX = 512;

export const InventoryReport = z
  .array(
    z
      .looseObject({ name: text(1024).min(1), value: AttributeValue, description: z.string().nullish() })
      .refine(({ name, value }) => !INDEXED.has(name) || JSON.stringify(value).length <= INDEXED_MAX, "is too long"),
  )
  .max(10_000);

export const DeviceConfiguration = z.record(text(1024), text(65_536));
