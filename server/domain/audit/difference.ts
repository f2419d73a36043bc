import { createHash } from "node:crypto";
import { canonicalJson } from "../canonical-json.ts";

type Members = Readonly<Record<string, unknown>>;

/** The members that an act has changed. One that was not there before, or is not there any more, lacks that side. */
export type Difference = Readonly<Record<string, { readonly before?: unknown; readonly after?: unknown }>>;

/** Names of members whose values are never written down. */
const SECRET = /passw|secret|token|private|credential|authorization|^key$|otp/i;
const HIDDEN = "***";
/** A longer value is stood for by its length and hash: a record must stay small. */
const VALUE_MAX = 2000;

/**
 * What is different between two states of a thing, by the names of its members. Secrets are left out, at any depth:
 * that one has changed is still seen.
 */
export function differenceOf(before: Members = {}, after: Members = {}): Difference {
  const found: [string, { before?: unknown; after?: unknown }][] = [];
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, now] = [before[name], after[name]];
    if (canonicalJson(old ?? null) === canonicalJson(now ?? null)) continue;
    found.push([
      name,
      {
        ...(old !== undefined && { before: shown(name, old) }),
        ...(now !== undefined && { after: shown(name, now) }),
      },
    ]);
  }
  return Object.fromEntries(found);
}

function shown(name: string, value: unknown): unknown {
  const open = withoutSecrets(name, value);
  const text = canonicalJson(open ?? null);
  if (text.length <= VALUE_MAX) return open;
  return { characters: text.length, sha256: createHash("sha256").update(text).digest("hex") };
}

function withoutSecrets(name: string, value: unknown): unknown {
  if (value !== null && value !== undefined && SECRET.test(name)) return HIDDEN;
  if (Array.isArray(value)) return value.map((item) => withoutSecrets("", item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([inner, member]) => [inner, withoutSecrets(inner, member)]));
}
