import { z } from "zod";
import { Artifact } from "./artifacts.ts";
import { Timestamp } from "./common.ts";
import { FreeText } from "./text.ts";

/** All Artifacts of one name. */
export const Release = z.object({
  name: z.string(),
  modified: Timestamp,
  artifacts: z.array(Artifact),
  artifacts_count: z.number().int(),
  tags: z.array(z.string()),
  notes: z.string(),
});
export type Release = z.infer<typeof Release>;

/** As version 1 of the API spells it. */
export const ReleaseV1 = z.object({
  Name: z.string(),
  Modified: Timestamp,
  Artifacts: z.array(Artifact),
  ArtifactsCount: z.number().int(),
  tags: z.array(z.string()),
  notes: z.string(),
});

export const ReleaseNotes = z.object({ notes: FreeText });

const Tag = z
  .string()
  .trim()
  .toLowerCase()
  .min(1)
  .max(256)
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u, "letters, digits, space, '.', '_' and '-'");

export const ReleaseTags = z.array(Tag).max(20);
