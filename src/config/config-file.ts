import { lstatSync } from "node:fs";
import { AgentError, describeError } from "../errors/agent-error.ts";
import { errnoOf } from "../util/errno.ts";
import { isJsonObject } from "../util/json-object.ts";
import type { Logger } from "../util/logger.ts";
import { readSmallFile } from "../util/small-file.ts";
import { isSoundText } from "../util/sound-text.ts";
import type { JsonPlaces } from "./json-place.ts";
import { nearestKey } from "./near-key.ts";

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

export interface ConfigFile {
  /** The values of known keys, under their standard spelling. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Why the file's meaning is unknown: it exists but cannot be read, or a key in `decisive` has the wrong type. */
  readonly refusal?: AgentError;
}

/**
 * Reads one file. A missing file sets nothing.
 *
 * @param decisive keys that must not be ignored, because they define what the device trusts
 * @throws {AgentError} CONFIG_INVALID when a required file does not exist
 */
export async function readConfigFile(
  path: string,
  keys: Keys,
  decisive: readonly string[],
  mustExist: boolean,
  log: Logger,
): Promise<ConfigFile> {
  let text: string;
  try {
    text = readSmallFile(path);
  } catch (cause) {
    const error = new AgentError("CONFIG_INVALID", { file: path }, cause);
    if (isMissing(path, cause)) {
      if (mustExist) throw error;
      log("debug", `no configuration in ${path}`);
      return { values: {} };
    }
    return refused(error, {}, log);
  }
  const raw = parse(text);
  if (raw === undefined) {
    const { fault } = await placesIn(text);
    const { line, column, reason } = fault ?? { line: 1, column: 1, reason: "a JSON object was expected here" };
    return refused(new AgentError("CONFIG_INVALID", { file: path, line, column, reason }), {}, log);
  }
  const values = pickKeys(raw, keys, path, log);
  const wrong = Object.keys(raw).find((key) => {
    const known = knownKey(key, decisive);
    return known !== undefined && !hasType(raw[key], keys[known] ?? "string");
  });
  if (wrong === undefined) return { values };
  const reason = wrongness(raw[wrong], keys[knownKey(wrong, decisive) ?? wrong] ?? "string");
  const { line = 1, column = 1 } = (await placesIn(text)).keys.get(wrong) ?? {};
  return refused(new AgentError("CONFIG_INVALID", { file: path, line, column, key: wrong, reason }), values, log);
}

/** Loaded only for an invalid file, so that the daemon does not keep the module in memory. */
const placesIn = async (text: string): Promise<JsonPlaces> => (await import("./json-place.ts")).findPlaces(text);

function refused(refusal: AgentError, values: ConfigFile["values"], log: Logger): ConfigFile {
  log("error", `Refusing every update: ${describeError(refusal)}`);
  return { values, refusal };
}

/** A dangling link counts as an existing file: its target may be on a partition that is not mounted. */
function isMissing(path: string, cause: unknown): boolean {
  if (errnoOf(cause) !== "ENOENT") return false;
  return lstatSync(path, { throwIfNoEntry: false }) === undefined;
}

function parse(text: string): Raw | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? (value as Raw) : undefined;
  } catch {
    // ignored: the caller finds the position of the error.
    return undefined;
  }
}

const knownKey = (key: string, known: readonly string[]): string | undefined =>
  known.find((name) => name.toLowerCase() === key.toLowerCase());

/** The known keys of `raw`, under their standard spelling. Like the newest client, ignores a key of the wrong type. */
export function pickKeys(raw: Raw, keys: Keys, where: string, log: Logger): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  const spellings = new Map<string, string>();
  for (const [key, value] of Object.entries(raw)) {
    const known = knownKey(key, Object.keys(keys));
    const type = known === undefined ? undefined : keys[known];
    if (known === undefined || type === undefined) {
      const meant = nearestKey(key, Object.keys(keys));
      if (meant !== undefined) log("warning", `${where}: ${key} is not a known key; did you mean ${meant}?`);
      continue;
    }
    const other = spellings.get(known);
    if (other !== undefined)
      log("warning", `${where}: ${other} and ${key} are the same key; the later one, ${key}, applies`);
    spellings.set(known, key);
    if (hasType(value, type)) picked[known] = value;
    else log("warning", `${where}: ${key} is ignored: ${wrongness(value, type)}`);
  }
  return picked;
}

const wrongness = (value: unknown, type: KeyType): string =>
  typeof value === "string" && (type === "string" || type === "choice")
    ? "it is not text in UTF-8"
    : `it must be a ${TYPE_NAMES[type]}`;

function hasType(value: unknown, type: KeyType): boolean {
  if (type === "choice") return hasType(value, "string") || hasType(value, "object");
  if (type === "string") return typeof value === "string" && isSoundText(value);
  if (type === "boolean") return typeof value === "boolean";
  if (type === "strings") return Array.isArray(value) && value.every((item) => hasType(item, "string"));
  if (type === "count") return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
  if (type === "objects") return Array.isArray(value) && value.every(isJsonObject);
  return isJsonObject(value);
}

export const asRaw = (value: unknown): Raw => (typeof value === "object" && value !== null ? (value as Raw) : {});
