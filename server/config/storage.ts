import { resolve } from "node:path";
import { z } from "zod";
import type { Bucket } from "../adapters/objects/s3/s3-client.ts";

/** Where the bytes of Artifacts are. */
export type Storage =
  | { readonly kind: "folder"; readonly folder: string }
  | ({ readonly kind: "s3"; readonly presigned: boolean } & Bucket);

const S3 = /^s3:\/\/(?<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(?<prefix>[\w.-]+(?:\/[\w.-]+)*))?\/?$/;
const EXPECTED = "expected a folder, or s3://BUCKET or s3://BUCKET/PREFIX";

/** The settings of the storage, as they are checked one by one. */
export const storageSchemas = {
  storage: z
    .string()
    .refine((text) => !text.includes("://") || S3.test(text), EXPECTED)
    .optional(),
  "storage-links": z.enum(["proxied", "presigned"], "expected proxied or presigned"),
  "storage-endpoint": z.url({ protocol: /^https?$/, error: "expected https://HOST" }).optional(),
  "storage-region": z
    .string()
    .regex(/^[\w-]+$/, "expected the name of a region")
    .optional(),
  "storage-path-style": z.enum(["yes", "no"], "expected yes or no").optional(),
  "storage-access-key": z.string().regex(/^\S+$/, "expected the id of a key").optional(),
  "storage-secret-key": z.string().regex(/^\S+$/, "expected the secret of a key").optional(),
};

type Parsed = z.output<z.ZodObject<typeof storageSchemas>>;

export function storageOf(parsed: Parsed, standard: string): Storage {
  const { bucket, prefix } = S3.exec(parsed.storage ?? "")?.groups ?? {};
  if (bucket === undefined) return { kind: "folder", folder: resolve(parsed.storage ?? standard) };
  const { "storage-access-key": id, "storage-secret-key": secret, "storage-path-style": pathStyle } = parsed;
  return {
    ...{ kind: "s3", bucket, prefix: prefix === undefined ? "" : `${prefix}/` },
    presigned: parsed["storage-links"] === "presigned",
    endpoint: parsed["storage-endpoint"],
    region: parsed["storage-region"],
    pathStyle: pathStyle === undefined ? undefined : pathStyle === "yes",
    keys: id === undefined || secret === undefined ? undefined : { id, secret },
  };
}

export const hasBothKeys = (parsed: Partial<Parsed>): boolean =>
  (parsed["storage-access-key"] === undefined) === (parsed["storage-secret-key"] === undefined);
