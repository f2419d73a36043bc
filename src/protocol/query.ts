import type { Term, TermPlace } from "./api/filters.ts";

/** A query that cannot be read. The message says what is wrong, for the person who wrote it. */
export class QueryError extends Error {}

/** Keys that mean another attribute than the one of the inventory with their name. */
const KEYS: Readonly<Record<string, TermPlace>> = {
  group: { scope: "system", attribute: "group" },
  created: { scope: "system", attribute: "created_ts" },
  updated: { scope: "system", attribute: "updated_ts" },
  seen: { scope: "system", attribute: "check_in_time" },
  status: { scope: "identity", attribute: "status" },
  release: { scope: "inventory", attribute: "artifact_name" },
  type: { scope: "inventory", attribute: "device_type" },
};

/** What `is:` can say of a device. */
const STATES: Readonly<Record<string, TermPlace & { readonly value: string }>> = {
  silent: { scope: "system", attribute: "silent", value: "true" },
  inconsistent: { scope: "system", attribute: "inconsistent", value: "true" },
  ...Object.fromEntries(
    ["accepted", "pending", "rejected", "preauthorized", "noauth"].map((value) => [
      value,
      { scope: "identity", attribute: "status", value },
    ]),
  ),
};

/** Where a word without a key is looked for. */
const WORD_PLACES: readonly TermPlace[] = [
  { scope: "identity", attribute: "mac" },
  { scope: "identity", attribute: "serial" },
  { scope: "inventory", attribute: "serial" },
  { scope: "inventory", attribute: "hostname" },
  { scope: "tags", attribute: "name" },
];

const SCOPES: ReadonlySet<string> = new Set(["inventory", "identity", "tags", "monitor", "system"]);

/**
 * Reads a query of devices into terms of a filter.
 *
 * - `site:antwerp`, `site:"two words"`: an attribute of the inventory is equal
 * - `site:a,b`: it is one of them. `site:antwerp-*`: it begins so. `site:*`: it is there
 * - `ram:>512`, `>=`, `<`, `<=`: it is greater, or less. `release:<4.12.0`, `kernel:>=6.1.0` compare versions
 * - `is:silent`, `is:inconsistent`, `is:accepted` and the other statuses
 * - `group:`, `status:`, `release:`, `type:`, `created:`, `updated:`, `seen:`, and `tags/NAME:`, `identity/NAME:`
 * - a word alone is a part of the serial number, the MAC address, the host name or the tag `name`
 * - a space means and; `OR`, `-` for not, and `( )`
 *
 * @throws {QueryError}
 */
export function parseQuery(query: string): readonly Term[] {
  const tokens = split(query);
  let at = 0;
  const next = (): string | undefined => tokens[at];

  function either(): Term {
    const parts = [both()];
    while (next() === "OR") {
      at += 1;
      parts.push(both());
    }
    return joined("any", parts);
  }

  function both(): Term {
    const parts: Term[] = [];
    for (let token = next(); token !== undefined && token !== "OR" && token !== ")"; token = next())
      parts.push(unary());
    if (parts.length === 0)
      throw new QueryError(
        next() === undefined ? "a condition is missing at the end" : `a condition is missing before ${next()}`,
      );
    return joined("all", parts);
  }

  function unary(): Term {
    const token = tokens[at] ?? "";
    at += 1;
    if (token === "-") return { not: unary() };
    if (token !== "(") return readCondition(token);
    const inner = either();
    if (next() !== ")") throw new QueryError("a ( is not closed");
    at += 1;
    return inner;
  }

  const root = either();
  if (at < tokens.length) throw new QueryError("a ) has no (");
  return "all" in root ? root.all : [root];
}

const joined = (how: "all" | "any", [first, ...rest]: readonly Term[]): Term => {
  if (first === undefined || rest.length === 0) return first ?? { all: [] };
  return how === "all" ? { all: [first, ...rest] } : { any: [first, ...rest] };
};

/** Parentheses and minus signs before a condition are tokens; a quoted text is a part of its token. */
function split(query: string): string[] {
  const tokens: string[] = [];
  const pattern = /\s*(?:([()])|(-)(?=\S)|((?:"(?:[^"\\]|\\.)*"|[^\s()"])+)|(\S))/gsu;
  for (const [, bracket, minus, word, odd] of query.matchAll(pattern)) {
    if (odd !== undefined) throw new QueryError('a " is not closed');
    tokens.push(bracket ?? minus ?? word ?? "");
  }
  return tokens;
}

function readCondition(token: string): Term {
  const [, key, text = ""] = /^((?:"(?:[^"\\]|\\.)*"|[^:"])+):(.*)$/su.exec(token) ?? [];
  if (key === undefined) {
    const value = escapePattern(unquoted(token));
    return { any: WORD_PLACES.map((place) => ({ ...place, type: "$regex", value })) };
  }
  if (key === "is") return stateOf(unquoted(text));
  const place = placeOf(unquoted(key));
  if (text === "") throw new QueryError(`${key}: has no value`);
  const [, operator = "", value = ""] = /^(>=|<=|>|<)?(.*)$/su.exec(text) ?? [];
  if (operator !== "") {
    if (value === "") throw new QueryError(`${token} has no value`);
    const wanted = unquoted(value);
    const comparison = { ">": "gt", ">=": "gte", "<": "lt", "<=": "lte" }[operator] ?? "";
    const isVersion = place === KEYS["release"] || VERSION.test(wanted);
    return { ...place, type: `$${isVersion ? "ver" : ""}${comparison}`, value: wanted };
  }
  if (text === "*") return { ...place, type: "$exists", value: true };
  const values = [...text.matchAll(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/gsu)].map(([one]) => one);
  const terms = values.map((one) => oneValue(place, one));
  const [first] = terms;
  if (first === undefined) throw new QueryError(`${key}: has no value`);
  if (terms.length === 1) return first;
  if (values.every((one) => !isPattern(one))) return { ...place, type: "$in", value: values.map(unquoted) };
  return { any: terms };
}

function stateOf(word: string): Term {
  const state = Object.hasOwn(STATES, word) ? STATES[word] : undefined;
  if (state === undefined) throw new QueryError(`is: takes one of ${Object.keys(STATES).join(", ")}`);
  const { value, ...place } = state;
  return { ...place, type: "$eq", value };
}

/** Three numbers or more are a version; two may be a number. */
const VERSION = /^v?\d+(?:\.\d+){2}/iu;

const isPattern = (text: string): boolean => !text.startsWith('"') && text.includes("*");

function oneValue(place: TermPlace, text: string): Term {
  if (!isPattern(text)) return { ...place, type: "$eq", value: unquoted(text) };
  return { ...place, type: "$regex", value: `^${text.split("*").map(escapePattern).join(".*")}$` };
}

/** `name`, `scope/name`, or one of our words. */
function placeOf(key: string): TermPlace {
  const known = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
  if (known !== undefined) return known;
  const slash = key.indexOf("/");
  const scope = key.slice(0, Math.max(0, slash));
  if (slash < 1 || !SCOPES.has(scope)) return { scope: "inventory", attribute: key };
  return { scope, attribute: key.slice(slash + 1) };
}

const unquoted = (text: string): string =>
  text.replace(/"((?:[^"\\]|\\.)*)"/gsu, (_, inner: string) => inner.replace(/\\(.)/gsu, "$1"));

const escapePattern = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|-]/gu, "\\$&");
