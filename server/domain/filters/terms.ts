import { PatternError } from "./pattern.ts";
import { FilterError, type Predicate, parseConditions, type Scalar } from "./predicate.ts";

const CONDITIONS_MAX = 100;
const DEPTH_MAX = 8;
const NAME_MAX = 1024;
/** What a saved filter may take, as JSON. */
const JSON_MAX = 64 * 1024;

/**
 * Reads terms as the API has them: conditions of Mender, and `{all: […]}`, `{any: […]}` and `{not: …}`, which join terms.
 * All of them must hold. A flat list of conditions means what `parseConditions` makes of it.
 *
 * @throws {FilterError} which says where the mistake is
 */
export function parseTerms(terms: readonly unknown[]): Predicate {
  if (JSON.stringify(terms).length > JSON_MAX) throw new FilterError(`the terms have more than ${JSON_MAX} characters`);
  const left = { conditions: CONDITIONS_MAX };
  return { test: "all", of: terms.map((term, n) => parseTerm(term, `[${n}]`, 1, left)) };
}

function parseTerm(term: unknown, at: string, depth: number, left: { conditions: number }): Predicate {
  if (depth > DEPTH_MAX) throw new FilterError(`terms are nested deeper than ${DEPTH_MAX}`);
  if (!isObject(term)) throw new FilterError(`${at} is not a term`);
  const joins = ["all", "any", "not"].filter((name) => term[name] !== undefined);
  const isCondition = ["scope", "attribute", "type", "value"].some((name) => term[name] !== undefined);
  if (joins.length + (isCondition ? 1 : 0) !== 1)
    throw new FilterError(`${at} must be a condition or have one of all, any and not`);
  const [join] = joins;
  if (join === "not") return { test: "not", of: parseTerm(term["not"], `${at}.not`, depth + 1, left) };
  if (join === "all" || join === "any") {
    const parts = term[join];
    if (!Array.isArray(parts) || parts.length === 0) throw new FilterError(`${at}.${join} is not a list of terms`);
    return { test: join, of: parts.map((one: unknown, n) => parseTerm(one, `${at}.${join}[${n}]`, depth + 1, left)) };
  }
  left.conditions -= 1;
  if (left.conditions < 0) throw new FilterError(`there are more than ${CONDITIONS_MAX} conditions`);
  const { scope, attribute, type, value } = term;
  if (!isName(scope) || !isName(attribute)) throw new FilterError(`${at} names no scope and attribute`);
  if (typeof type !== "string") throw new FilterError(`${at} has no operator in type`);
  return only(parseConditions([{ scope, attribute, type, value }]));
}

/** The groups that alone can have devices for which a predicate holds; `undefined`: it is not limited to groups. */
function groupsOf(predicate: Predicate): readonly string[] | undefined {
  switch (predicate.test) {
    case "equals":
      return predicate.at.scope === "system" && predicate.at.attribute === "group"
        ? predicate.values.map((value: Scalar) => String(value))
        : undefined;
    case "all":
      return predicate.of.map(groupsOf).find((groups) => groups !== undefined);
    case "any": {
      const parts = predicate.of.map(groupsOf);
      return parts.every((groups) => groups !== undefined) ? parts.flat() : undefined;
    }
    default:
      return undefined;
  }
}

/** Whether a predicate holds only for devices of these groups. */
export const isWithin = (predicate: Predicate, groups: readonly string[]): boolean =>
  groupsOf(predicate)?.every((group) => groups.includes(group)) === true;

/** Whether a predicate asks for instants that change without a change of the device: with a poll, or a report. */
export function isTimed(predicate: Predicate): boolean {
  switch (predicate.test) {
    case "all":
    case "any":
      return predicate.of.some(isTimed);
    case "not":
      return isTimed(predicate.of);
    default:
      return predicate.at.scope === "system" && TIMES.has(predicate.at.attribute);
  }
}

const TIMES: ReadonlySet<string> = new Set(["check_in_time", "updated_ts", "silent", "inconsistent"]);

/** Whether a mistake is one of the person who wrote the filter. */
export const isFilterMistake = (error: unknown): error is Error =>
  error instanceof FilterError || error instanceof PatternError;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isName = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.length <= NAME_MAX;

const only = (list: Predicate): Predicate => (list.test === "all" && list.of[0] !== undefined ? list.of[0] : list);
