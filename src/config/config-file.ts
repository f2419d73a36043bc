import { readFile } from "node:fs/promises";
import { AgentError } from "../errors/agent-error.ts";
import type { Logger } from "../util/logger.ts";

export type Raw = Readonly<Record<string, unknown>>;
export type KeyType = "choice" | "string" | "strings" | "objects" | "count" | "boolean" | "object";
export type Keys = Readonly<Record<string, KeyType>>;

const TYPE_NAMES: Readonly<Record<KeyType, string>> = {
  choice: "string or object",
  string: "string",
  strings: "list of strings",
  objects: "list of objects",
  boolean: "boolean",
  count: "whole number, not below 0",
  object: "object",
};

/**
 * The known keys of one file under their usual spelling; none when it is not there, or not right and not required.
 *
 * @throws {AgentError} CONFIG_INVALID when it is required
 */
export async function readConfigFile(
  path: string,
  keys: Keys,
  isRequired: boolean,
  log: Logger,
): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (isRequired) throw new AgentError("CONFIG_INVALID", { file: path }, cause);
    log("debug", `no configuration in ${path}`);
    return {};
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return pickKeys(value as Raw, keys, path, log);
    throw new Error("not a JSON object");
  } catch (cause) {
    if (isRequired) throw new AgentError("CONFIG_INVALID", { file: path }, cause);
    log("warning", `${path} is ignored: ${cause instanceof Error ? cause.message : String(cause)}`);
    return {};
  }
}

/** The known keys of `raw` under their usual spelling. A key of another type is ignored, as the newest client does. */
export function pickKeys(raw: Raw, keys: Keys, where: string, log: Logger): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  const spelling = new Map(Object.keys(keys).map((key) => [key.toLowerCase(), key]));
  for (const [key, value] of Object.entries(raw)) {
    const known = spelling.get(key.toLowerCase());
    const type = known === undefined ? undefined : keys[known];
    if (known === undefined || type === undefined) continue;
    if (hasType(value, type)) picked[known] = value;
    else log("warning", `${where}: ${key} is ignored: it must be a ${TYPE_NAMES[type]}`);
  }
  return picked;
}

function hasType(value: unknown, type: KeyType): boolean {
  if (type === "choice") return hasType(value, "string") || hasType(value, "object");
  if (type === "string") return typeof value === "string";
  if (type === "boolean") return typeof value === "boolean";
  if (type === "strings") return Array.isArray(value) && value.every((item) => typeof item === "string");
  if (type === "count") return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
  if (type === "objects") return Array.isArray(value) && value.every((item) => isObject(item));
  return isObject(value);
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

export const asRaw = (value: unknown): Raw => (typeof value === "object" && value !== null ? (value as Raw) : {});
