import * as z from "zod/mini";
import { AgentError } from "../errors/agent-error.ts";
import { isJsonObject } from "../util/json-object.ts";
import { isTextRecord } from "../util/text-record.ts";
import { JsonCheck } from "./json-check.ts";

/** Limit for one parsed document: a value takes many times more memory than its text in the header. */
const MAX_VALUES = 100_000;
/** The limit of mender-artifact for names, groups and device types. */
const MAX_LABEL_BYTES = 256;

const label = z.string().check(
  z.refine((text) => text !== "" && Buffer.byteLength(text) <= MAX_LABEL_BYTES, "must have 1 to 256 bytes"),
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
  z.refine((text) => !/[\u0000-\u001f\u007f-\u009f]/.test(text), "must be printable"),
);

/** One accepted value or several, always returned as a list. */
const accepted = z.pipe(
  z.union([z.string(), z.array(z.string())]),
  z.transform((value) => (typeof value === "string" ? [value] : value)),
);

const payloadType = z.nullable(z.string().check(z.minLength(1)));
const deviceTypes = z.array(label).check(z.minLength(1));

/** Not `z.record`, which drops a key `__proto__`. */
const texts = z.custom<Record<string, string>>(isTextRecord, "must be an object of texts");
const lists = z.pipe(
  z.custom<Record<string, string | string[]>>(
    (value) => isJsonObject(value) && Object.values(value).every((item) => accepted.safeParse(item).success),
    "must be an object of texts or lists of texts",
  ),
  z.transform((depends) =>
    Object.fromEntries(
      Object.entries(depends).map(([key, value]) => [key, typeof value === "string" ? [value] : value]),
    ),
  ),
);

/** Version 3. Ignores unknown keys. Spec: Artifact format v3, section 7.1. */
export const HEADER_INFO_V3 = z.object({
  payloads: z.array(z.object({ type: payloadType })).check(z.minLength(1), z.maxLength(10_000)),
  artifact_provides: z.object({ artifact_name: label, artifact_group: z.optional(z.string()) }),
  artifact_depends: z.object({
    device_type: deviceTypes,
    artifact_name: z.optional(accepted),
    artifact_group: z.optional(accepted),
  }),
});

/** Version 2, which has neither groups nor depends. */
export const HEADER_INFO_V2 = z.object({
  artifact_name: label,
  updates: z.array(z.object({ type: payloadType })).check(z.minLength(1), z.maxLength(10_000)),
  device_types_compatible: deviceTypes,
});

/** Both versions; version 2 has only the type. Spec: section 7.2. */
export const TYPE_INFO = z.object({
  type: z.nullable(z.string()),
  artifact_provides: z.optional(texts),
  artifact_depends: z.optional(lists),
  clears_artifact_provides: z.optional(z.array(z.string())),
});

export const VERSION = z.object({ format: z.literal("mender"), version: z.int() });

/**
 * Reads a JSON document of an Artifact.
 *
 * @param member its name, for the error
 * @throws {AgentError} ARTIFACT_HEADER
 */
export function parseDocument<Schema extends z.ZodMiniType>(
  schema: Schema,
  bytes: Uint8Array,
  member: string,
): z.output<Schema> {
  return checkDocument(schema, readJson(bytes, member).value, member);
}

/** As `parseDocument`, for JSON that is already parsed: the caller also needs keys that the schema drops. */
export function checkDocument<Schema extends z.ZodMiniType>(
  schema: Schema,
  value: unknown,
  member: string,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? "the document" : issue.path.join(".");
  throw new AgentError("ARTIFACT_HEADER", { member, reason: `${where}: ${issue?.message ?? "not valid"}` });
}

/** A JSON document as text and as a parsed value. */
export interface JsonDocument {
  readonly text: string;
  readonly value: unknown;
}

/** @throws {AgentError} ARTIFACT_HEADER, ARTIFACT_LIMIT */
export function readJson(bytes: Uint8Array, member: string): JsonDocument {
  const check = new JsonCheck(member);
  check.push(bytes);
  check.end();
  if (check.values > MAX_VALUES) throw new AgentError("ARTIFACT_LIMIT", { part: member, maxValues: MAX_VALUES });
  const text = new TextDecoder().decode(bytes);
  return { text, value: JSON.parse(text) };
}
