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

/** The condition in SQL on `i`, a row of the inventory, and `c`, the state of its device. */
export function compilePredicate(predicate: Predicate, parameters: Parameters): string {
  switch (predicate.test) {
    case "all":
    case "any": {
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
    case "matches": {
      const pattern = parameters.add(predicate.pattern.postgres, "text");
      return someElement(
        predicate.at,
        parameters,
        `CASE WHEN jsonb_typeof(e.v) = 'string' THEN (e.v #>> '{}') COLLATE "C" ~ ${pattern} END`,
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
  if (scope === "tags") return `(i.tags -> ${parameters.add(attribute, "text")} -> 'value')`;
  return `(i.attributes -> ${parameters.add(scope, "text")} -> ${parameters.add(attribute, "text")})`;
}

/** An instant as a filter compares it. */
const instantText = (instant: string): string => `to_char(${instant}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Columns with all that filters can ask of a device, of `i` and `c`: see `InventoryOfDevice`. */
export const FACTS = `i.status, i.attributes, i.group_name AS "group", i.tags, ${instantText("i.created_at")} AS created,
  ${instantText("i.updated_at")} AS updated, ${instantText("c.check_in_at")} AS "checkedIn"`;

/** The number that a jsonb value is or says, else NULL. */
export const numberIn = (value: string): string => `CASE jsonb_typeof(${value})
  WHEN 'number' THEN (${value} #>> '{}')::numeric
  WHEN 'string' THEN CASE WHEN length(${value} #>> '{}') <= ${NUMBER_LENGTH_MAX} AND (${value} #>> '{}') ~ '${NUMBER_TEXT}'
    THEN (${value} #>> '{}')::numeric END
  END`;

function compileCompare(is: string, value: Scalar, parameters: Parameters): string {
  const number = numberOf(value);
  if (number !== undefined) return `${numberIn("e.v")} ${is} ${parameters.add(String(number), "numeric")}`;
  const text = parameters.add(value, "text");
  return `CASE WHEN jsonb_typeof(e.v) = 'string' THEN (e.v #>> '{}') COLLATE "C" ${is} ${text} END`;
}

function someElement(at: Place, parameters: Parameters, condition: string): string {
  const value = valueAt(at, parameters);
  const list = `CASE jsonb_typeof(${value}) WHEN 'array' THEN ${value} ELSE jsonb_build_array(${value}) END`;
  return `EXISTS (SELECT FROM jsonb_array_elements(${list}) AS e (v) WHERE ${condition})`;
}

/** More values than this are compared one by one: the index would be asked for each. */
const INDEXED_MAX = 8;

function compileEquals(at: Place, values: readonly Scalar[], parameters: Parameters): string {
  const key = `${at.scope}/${at.attribute}`;
  const column = Object.hasOwn(COLUMNS, key) ? COLUMNS[key] : undefined;
  if (column !== undefined) return `${column} = ANY (${parameters.add(values.map(String), "text[]")})`;
  const forms = values.flatMap(formsOf);
  if (Object.hasOwn(INSTANTS, key) || values.length > INDEXED_MAX || forms.length === 0) {
    const wanted = parameters.add(JSON.stringify(forms), "jsonb");
    return someElement(at, parameters, `e.v <@ ${wanted} AND jsonb_typeof(e.v) IN ('string', 'number')`);
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

/** What is equal to a value: its text, and its number. */
function formsOf(value: Scalar): readonly Scalar[] {
  const number = numberOf(value);
  return [String(value), ...(number === undefined ? [] : [number])];
}
