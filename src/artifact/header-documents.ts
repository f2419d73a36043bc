import * as z from "zod/mini";
import { AgentError } from "../errors/agent-error.ts";
import { isJsonObject, isTextRecord } from "../util/text-record.ts";

/** Deepest nesting of JSON: whoever walks or prints a document recursively must not run out of stack. */
const MAX_DEPTH = 100;
/** What mender-artifact allows for names, groups and device types. */
const MAX_LABEL_BYTES = 256;

const label = z.string().check(
  z.refine((text) => text !== "" && Buffer.byteLength(text) <= MAX_LABEL_BYTES, "must have 1 to 256 bytes"),
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
  z.refine((text) => !/[\u0000-\u001f\u007f-\u009f]/.test(text), "must be printable"),
);

/** One accepted value or several; always several to whoever reads it. */
const accepted = z.pipe(
  z.union([z.string(), z.array(z.string())]),
  z.transform((value) => (typeof value === "string" ? [value] : value)),
);

const payloadType = z.nullable(z.string().check(z.minLength(1)));
const deviceTypes = z.array(label).check(z.minLength(1));

/** Not `z.record`, which leaves out a key `__proto__`. */
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

/** Version 3. Unknown keys pass. Spec: Artifact format v3, section 7.1. */
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

/** Both versions; version 2 has the type only. Spec: section 7.2. */
export const TYPE_INFO = z.object({
  type: z.nullable(z.string()),
  artifact_provides: z.optional(texts),
  artifact_depends: z.optional(lists),
  clears_artifact_provides: z.optional(z.array(z.string())),
});

/** A single code unit of a pair: no text that UTF-8 can hold. */
const LONE_SURROGATE = /\p{Cs}/u;

/** Whether every text of a JSON value, keys as well, is well-formed. An escape can say what UTF-8 cannot. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return !LONE_SURROGATE.test(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([key, item]) => !LONE_SURROGATE.test(key) && isWellFormed(item));
}

export const META_DATA = z.custom<Record<string, unknown>>(isJsonObject, "must be an object");

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

/** The same, of a document whose JSON has been read: for whoever also needs what the schema leaves out. */
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

/** A JSON document as it is written, and what it says. */
export interface JsonDocument {
  readonly text: string;
  readonly value: unknown;
}

/** @throws {AgentError} ARTIFACT_HEADER */
export function readJson(bytes: Uint8Array, member: string): JsonDocument {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (depthOf(text) > MAX_DEPTH) throw new AgentError("ARTIFACT_HEADER", { member, reason: "nested too deeply" });
    const value: unknown = JSON.parse(text);
    if (!isWellFormed(value)) throw new AgentError("ARTIFACT_HEADER", { member, reason: "text is not well-formed" });
    return { text, value };
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    // JSON.parse quotes the text around the fault: the cause says where it is, the reason what it is.
    throw new AgentError("ARTIFACT_HEADER", { member, reason: "no JSON" }, cause);
  }
}

/** Depth of the brackets outside of strings. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (quoted) {
      if (char === "\\") at += 1;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === "[" || char === "{") deepest = Math.max(deepest, ++depth);
    else if (char === "]" || char === "}") depth -= 1;
  }
  return deepest;
}
