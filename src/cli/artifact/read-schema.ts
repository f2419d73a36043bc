import * as z from "zod/mini";

const texts = z.record(z.string(), z.string());
const lists = z.record(z.string(), z.array(z.string()));

/** What `artifact read --json` prints. docs/reference/artifact-read.schema.json is generated from it. */
export const ArtifactDescription = z.strictObject({
  name: z.string(),
  group: z.nullable(z.string()),
  version: z.union([z.literal(2), z.literal(3)]),
  /** `valid` is null if no key was given, `key` is null if none fitted. */
  signature: z.strictObject({
    present: z.boolean(),
    valid: z.nullable(z.boolean()),
    key: z.nullable(z.string()),
  }),
  device_types: z.array(z.string()),
  provides: texts,
  depends: lists,
  /** Null if the Artifact does not say: then a client clears everything. */
  clears_provides: z.nullable(z.array(z.string())),
  scripts: z.array(z.string()),
  payloads: z.array(
    z.strictObject({
      type: z.nullable(z.string()),
      files: z.array(
        z.strictObject({
          name: z.string(),
          size: z.int().check(z.nonnegative()),
          sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
        }),
      ),
      provides: texts,
      depends: lists,
      clears_provides: z.nullable(z.array(z.string())),
      metadata: z.nullable(z.record(z.string(), z.unknown())),
    }),
  ),
});
export type ArtifactDescription = z.infer<typeof ArtifactDescription>;
