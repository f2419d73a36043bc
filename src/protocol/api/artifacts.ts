import { z } from "zod";
import { Id, Timestamp } from "./common.ts";

const Update = z.object({
  type_info: z.object({ type: z.string().nullable() }),
  files: z.array(z.object({ name: z.string(), checksum: z.string(), size: z.number().int(), date: Timestamp })),
  /** An array of pairs: `mender-cli` reads nothing else here. */
  meta_data: z.array(z.object({ Key: z.string(), Value: z.unknown() })),
  /** The same as the object that it is. */
  metadata: z.record(z.string(), z.unknown()),
});

/** An Artifact as the server stores it. */
export const Artifact = z.object({
  id: Id,
  name: z.string(),
  description: z.string(),
  device_types_compatible: z.array(z.string()),
  info: z.object({ format: z.literal("mender"), version: z.number().int() }),
  signed: z.boolean(),
  /** The name of the key that verifies its signature, of those that were uploaded. */
  signed_by: z.string().optional(),
  updates: z.array(Update),
  artifact_provides: z.record(z.string(), z.string()),
  artifact_depends: z.record(z.string(), z.array(z.string())),
  clears_artifact_provides: z.array(z.string()),
  /** Names of the state scripts. */
  scripts: z.array(z.string()),
  size: z.number().int(),
  /** Of the whole file. */
  sha256: z.string(),
  modified: Timestamp,
});
export type Artifact = z.infer<typeof Artifact>;

export const Link = z.object({ uri: z.string(), expire: Timestamp });

export const DirectUpload = z.object({
  id: Id,
  uri: z.string(),
  method: z.literal("PUT"),
  header: z.record(z.string(), z.string()),
  expire: Timestamp,
});

export const StorageLimit = z.object({ limit: z.number().int(), usage: z.number().int() });
