import { createHash } from "node:crypto";
import { isJsonObject } from "../../../src/util/json-object.ts";
import { canonicalJson } from "../canonical-json.ts";
import { isStorable } from "./storable-text.ts";

/** What a device says it is: `id_data` of an authentication request. */
export interface Identity {
  readonly attributes: Readonly<Record<string, string | readonly string[]>>;
  /** SHA-256 of the canonical form: two texts that say the same are the same device. */
  readonly hash: Buffer;
}

const MAX_KEYS = 100;

/** @returns undefined if the text is not a flat JSON object of texts and lists of texts, or an empty one */
export function readIdentity(text: string): Identity | undefined {
  const value = parsed(text);
  if (!isJsonObject(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length === 0 || entries.length > MAX_KEYS || !entries.every(isAttribute)) return undefined;
  const attributes = value as Identity["attributes"];
  return { attributes, hash: hashIdentity(attributes) };
}

/** A list keeps its order, which is part of what the device says. */
export const hashIdentity = (attributes: Identity["attributes"]): Buffer =>
  createHash("sha256").update(canonicalJson(attributes)).digest();

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isAttribute = ([key, value]: [string, unknown]): boolean =>
  key !== "" && isStorable(key) && (isText(value) || (Array.isArray(value) && value.every(isText)));

const isText = (value: unknown): boolean => typeof value === "string" && isStorable(value);
