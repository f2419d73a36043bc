import { NUMBER_LENGTH_MAX, NUMBER_TEXT, numberOf } from "../../domain/filters/numbers.ts";
import type { Place, Predicate, Scalar } from "../../domain/filters/predicate.ts";

/** Collects the values of a statement, and gives each its `$n`. */
export interface Parameters {
  readonly values: readonly unknown[];
  add(value: unknown, type: string): string;
}

export function startParameters(first: readonly unknown[]): Parameters {
  const values = [...first];
  return {
    values,
    add(value, type) {
      values.push(value);
      return `$${values.length}::${type}`;
    },
  };
}

/**
 * How many devices a condition is believed to find. Of `few`, the planner asks the index for the rarest value, and looks
 * at the rest in the rows. Of `many`, the index is asked for all values at once, so that fewer rows are looked at.
 */
export type Expected = "few" | "many";

/** The condition in SQL on `i`, a row of the inventory, and `c`, the state of its device. */
export function compilePredicate(predicate: Predicate, parameters: Parameters, expected: Expected = "few"): string {
  switch (predicate.test) {
    case "all":
    case "any": {
      if (predicate.test === "all" && expected === "many") return compileJoined(predicate.of, parameters);
      const parts = predicate.of.map((one) => compilePredicate(one, parameters));
      if (parts.length === 0) return predicate.test === "all" ? "true" : "false";
      return `(${parts.join(predicate.test === "all" ? " AND " : " OR ")})`;
    }
    case "not":
      return `(${compilePredicate(predicate.of, parameters)}) IS NOT TRUE`;
    case "exists":
      return `${valueAt(predicate.at, parameters)} IS NOT NULL`;
    case "equals":
      return compileEquals(predicate.at, predicate.values, parameters);
    case "compares":
      return someElement(predicate.at, parameters, compileCompare(predicate.is, predicate.value, parameters));
    case "follows":
      return compileVersion(predicate, parameters);
    case "matches": {
      const pattern = parameters.add(predicate.pattern.postgres, "text");
      return someElement(
        predicate.at,
        parameters,
        (value) => `CASE WHEN jsonb_typeof(${value}) = 'string' THEN (${value} #>> '{}') COLLATE "C" ~ ${pattern} END`,
      );
    }
  }
}

/** Columns that a condition can name like attributes. */
const COLUMNS: Readonly<Record<string, string>> = {
  "identity/status": "i.status",
  "system/group": "i.group_name",
};
const INSTANTS: Readonly<Record<string, string>> = {
  "system/created_ts": "i.created_at",
  "system/updated_ts": "i.updated_at",
  "system/check_in_time": "c.check_in_at",
};

/** What is true of a device or not, by its state. See `is:` in src/protocol/query.ts. */
const FLAGS: Readonly<Record<string, string>> = {
  "system/silent": "c.check_in_at < now() - (2 * c.poll_interval_s + 60) * interval '1 second'",
  "system/inconsistent": "c.artifact_name LIKE '%\\_INCONSISTENT'",
};
const flagText = (flag: string): string => `CASE WHEN ${flag} THEN 'true' END`;

/** The column to sort by, if a place is one. */
export function sortColumn({ scope, attribute }: Place): { key: string; type: "text" | "timestamptz" } | undefined {
  const name = `${scope}/${attribute}`;
  const column = Object.hasOwn(COLUMNS, name) ? COLUMNS[name] : undefined;
  if (column !== undefined) return { key: column, type: "text" };
  const instant = Object.hasOwn(INSTANTS, name) ? INSTANTS[name] : undefined;
  return instant === undefined ? undefined : { key: instant, type: "timestamptz" };
}

/** The attribute as jsonb. NULL: the device has none. */
export function valueAt({ scope, attribute }: Place, parameters: Parameters): string {
  const key = `${scope}/${attribute}`;
  const column = Object.hasOwn(COLUMNS, key) ? COLUMNS[key] : undefined;
  if (column !== undefined) return `to_jsonb(${column})`;
  const instant = Object.hasOwn(INSTANTS, key) ? INSTANTS[key] : undefined;
  if (instant !== undefined) return `to_jsonb(${instantText(instant)})`;
  const flag = Object.hasOwn(FLAGS, key) ? FLAGS[key] : undefined;
  if (flag !== undefined) return `to_jsonb(${flagText(flag)})`;
  if (scope === "tags") return `(i.tags -> ${parameters.add(attribute, "text")} -> 'value')`;
  return `(i.attributes -> ${parameters.add(scope, "text")} -> ${parameters.add(attribute, "text")})`;
}

/** An instant as a filter compares it. */
const instantText = (instant: string): string => `to_char(${instant}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Columns with all that filters can ask of a device, of `i` and `c`: see `InventoryOfDevice`. */
export const FACTS = `i.status, i.attributes, i.group_name AS "group", i.tags, ${instantText("i.created_at")} AS created,
  ${instantText("i.updated_at")} AS updated, ${instantText("c.check_in_at")} AS "checkedIn",
  (${FLAGS["system/silent"]}) IS TRUE AS "isSilent", (${FLAGS["system/inconsistent"]}) IS TRUE AS "isInconsistent"`;

/** The number that a jsonb value is or says, else NULL. */
export const numberIn = (value: string): string => `CASE jsonb_typeof(${value})
  WHEN 'number' THEN (${value} #>> '{}')::numeric
  WHEN 'string' THEN CASE WHEN length(${value} #>> '{}') <= ${NUMBER_LENGTH_MAX} AND (${value} #>> '{}') ~ '${NUMBER_TEXT}'
    THEN (${value} #>> '{}')::numeric END
  END`;

/** The condition in SQL on a jsonb value that is no list. */
type OnScalar = (value: string) => string;

function compileCompare(is: string, value: Scalar, parameters: Parameters): OnScalar {
  const number = numberOf(value);
  if (number !== undefined) {
    const wanted = parameters.add(String(number), "numeric");
    return (stored) => `${numberIn(stored)} ${is} ${wanted}`;
  }
  const text = parameters.add(value, "text");
  return (stored) =>
    `CASE WHEN jsonb_typeof(${stored}) = 'string' THEN (${stored} #>> '{}') COLLATE "C" ${is} ${text} END`;
}

type VersionPredicate = Extract<Predicate, { readonly test: "follows" }>;

function compileVersion({ at, is, version }: VersionPredicate, parameters: Parameters): string {
  const key = parameters.add(version.key, "text");
  const prefix = version.prefix === "" ? undefined : parameters.add(version.prefix, "text");
  const onText = (text: string): string => {
    const ofPrefix = prefix === undefined ? "" : ` AND (version_parts(${text}))[1] = ${prefix}`;
    return `((version_parts(${text}))[2] COLLATE "C" ${is} ${key}${ofPrefix})`;
  };
  const value = valueAt(at, parameters);
  const isText = `jsonb_typeof(${value}) = 'string'`;
  if (at.scope !== "inventory" || at.attribute !== "artifact_name")
    return `CASE WHEN ${isText} THEN ${onText(`(${value} #>> '{}')`)} END`;
  // Many devices have few releases: the index leads from one name to the next, and each is looked at once.
  const next = (condition: string): string => `(SELECT artifact_name AS name FROM inventory
    WHERE tenant_id = app_tenant() AND ${condition} ORDER BY artifact_name LIMIT 1)`;
  return `(${isText} AND i.artifact_name IN (
    WITH RECURSIVE names AS (${next("artifact_name IS NOT NULL")}
      UNION ALL SELECT ${next("artifact_name > names.name")} FROM names WHERE names.name IS NOT NULL)
    SELECT name FROM names WHERE name IS NOT NULL AND ${onText("name")}))`;
}

/** Lists are rare, and looking into one takes ten times as long as looking at a value. */
function someElement(at: Place, parameters: Parameters, condition: OnScalar): string {
  const value = valueAt(at, parameters);
  return `CASE jsonb_typeof(${value}) WHEN 'array'
    THEN EXISTS (SELECT FROM jsonb_array_elements(${value}) AS e (v) WHERE ${condition("e.v")})
    ELSE ${condition(value)} END`;
}

/** More values than this are compared one by one: the index would be asked for each. */
const INDEXED_MAX = 8;

function compileEquals(at: Place, values: readonly Scalar[], parameters: Parameters): string {
  const key = `${at.scope}/${at.attribute}`;
  const column = Object.hasOwn(COLUMNS, key) ? COLUMNS[key] : undefined;
  if (column !== undefined) return `${column} = ANY (${parameters.add(values.map(String), "text[]")})`;
  const flag = Object.hasOwn(FLAGS, key) ? FLAGS[key] : undefined;
  if (flag !== undefined) return values.map(String).includes("true") ? `(${flag})` : "false";
  const forms = values.flatMap(formsOf);
  if (Object.hasOwn(INSTANTS, key) || values.length > INDEXED_MAX || forms.length === 0) {
    const wanted = parameters.add(JSON.stringify(forms), "jsonb");
    return someElement(
      at,
      parameters,
      (value) => `${value} <@ ${wanted} AND jsonb_typeof(${value}) IN ('string', 'number')`,
    );
  }
  const contained = forms.flatMap((form) => {
    if (at.scope === "tags")
      return [`i.tags @> ${parameters.add(JSON.stringify({ [at.attribute]: { value: form } }), "jsonb")}`];
    return [form, [form]].map((one) => {
      const wanted = JSON.stringify({ [at.scope]: { [at.attribute]: one } });
      return `i.attributes @> ${parameters.add(wanted, "jsonb")}`;
    });
  });
  return `(${contained.join(" OR ")})`;
}

/** Conditions that all must hold: those that the index of the attributes answers are asked as one. */
function compileJoined(parts: readonly Predicate[], parameters: Parameters): string {
  const paths = parts.map(jsonPathOf);
  const joined = paths.filter((path) => path !== undefined);
  const others = parts.filter((_, n) => paths[n] === undefined).map((part) => compilePredicate(part, parameters));
  const indexed = joined.length === 0 ? [] : [`i.attributes @@ ${parameters.add(joined.join(" && "), "jsonpath")}`];
  return `(${[...indexed, ...others, "true"].join(" AND ")})`;
}

/** Whether the index of the attributes answers a condition, or one of those that all must hold. */
export const isIndexed = (predicate: Predicate): boolean =>
  predicate.test === "all" ? predicate.of.some(isIndexed) : jsonPathOf(predicate) !== undefined;

/**
 * The condition as a predicate of jsonpath, which looks into lists as well. `undefined`: the index of the attributes does
 * not answer it.
 */
function jsonPathOf(predicate: Predicate): string | undefined {
  if (predicate.test !== "equals") return undefined;
  const { at, values } = predicate;
  const key = `${at.scope}/${at.attribute}`;
  const forms = values.flatMap(formsOf);
  if ([COLUMNS, INSTANTS, FLAGS].some((known) => Object.hasOwn(known, key)) || at.scope === "tags") return undefined;
  // A minus is an operator of jsonpath, and the index has only values.
  if (forms.length === 0 || values.length > INDEXED_MAX || forms.some((form) => typeof form === "number" && form < 0))
    return undefined;
  const path = `$.${JSON.stringify(at.scope)}.${JSON.stringify(at.attribute)}`;
  return `(${forms.map((form) => `${path} == ${JSON.stringify(form)}`).join(" || ")})`;
}

/** What is equal to a value: its text, and its number. */
function formsOf(value: Scalar): readonly Scalar[] {
  const number = numberOf(value);
  return [String(value), ...(number === undefined ? [] : [number])];
}
