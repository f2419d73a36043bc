import { compilePattern } from "./match-pattern.ts";
import type { Pattern } from "./pattern.ts";
import { type Version, versionIn } from "./versions.ts";

/** A value to compare with. */
export type Scalar = string | number;

/** Where a value stands: the scope of an attribute, and its name. */
export interface Place {
  readonly scope: string;
  readonly attribute: string;
}

/** Which devices are meant. One tree, evaluated in memory and compiled to SQL. */
export type Predicate =
  | { readonly test: "all" | "any"; readonly of: readonly Predicate[] }
  | { readonly test: "not"; readonly of: Predicate }
  | { readonly test: "exists"; readonly at: Place }
  | { readonly test: "equals"; readonly at: Place; readonly values: readonly Scalar[] }
  | { readonly test: "compares"; readonly at: Place; readonly is: Comparison; readonly value: Scalar }
  | { readonly test: "follows"; readonly at: Place; readonly is: Comparison; readonly version: Version }
  | { readonly test: "matches"; readonly at: Place; readonly pattern: Pattern };

export type Comparison = "<" | "<=" | ">" | ">=";

/** A condition as Mender's API has it. */
export interface Condition extends Place {
  /**
   * One of Mender's operators: $eq, $ne, $gt, $gte, $lt, $lte, $ltne, $in, $nin, $exists, $regex; or one of ours, which
   * compare versions: $vergt, $vergte, $verlt, $verlte.
   */
  readonly type: string;
  readonly value: unknown;
}

/** A condition that means nothing. The message is for the person who wrote it. */
export class FilterError extends Error {}

// A map, because an operator may be called like something that each object has.
const COMPARISONS: ReadonlyMap<string, Comparison> = new Map([
  ["$gt", ">"],
  ["$gte", ">="],
  ["$lt", "<"],
  ["$lte", "<="],
  ["$ltne", "<"],
]);

const VERSION_COMPARISONS: ReadonlyMap<string, Comparison> = new Map([
  ["$vergt", ">"],
  ["$vergte", ">="],
  ["$verlt", "<"],
  ["$verlte", "<="],
]);

/** @throws {FilterError, PatternError} */
export const parseConditions = (conditions: readonly Condition[]): Predicate => ({
  test: "all",
  of: conditions.map(parseCondition),
});

function parseCondition({ scope, attribute, type, value }: Condition): Predicate {
  const at = { scope, attribute };
  const is = COMPARISONS.get(type);
  if (is !== undefined) return { test: "compares", at, is, value: scalarOf(type, value) };
  const follows = VERSION_COMPARISONS.get(type);
  if (follows !== undefined) {
    const version = typeof value === "string" ? versionIn(value) : undefined;
    if (version === undefined) throw new FilterError(`${type} takes a text with a version, such as 4.12.0`);
    return { test: "follows", at, is: follows, version };
  }
  switch (type) {
    case "$eq":
      return { test: "equals", at, values: [scalarOf(type, value)] };
    case "$ne":
      return { test: "not", of: { test: "equals", at, values: [scalarOf(type, value)] } };
    case "$in":
      return { test: "equals", at, values: listOf(type, value) };
    case "$nin":
      return { test: "not", of: { test: "equals", at, values: listOf(type, value) } };
    case "$exists": {
      if (typeof value !== "boolean") throw new FilterError("$exists takes true or false");
      const exists = { test: "exists", at } as const;
      return value ? exists : { test: "not", of: exists };
    }
    case "$regex": {
      if (typeof value !== "string") throw new FilterError("$regex takes a text");
      return { test: "matches", at, pattern: compilePattern(value) };
    }
    default:
      throw new FilterError(`there is no operator ${type}`);
  }
}

const LIST_MAX = 500;

function listOf(type: string, value: unknown): readonly Scalar[] {
  if (!Array.isArray(value) || value.length > LIST_MAX)
    throw new FilterError(`${type} takes a list of at most ${LIST_MAX} values`);
  return value.map((item) => scalarOf(type, item));
}

function scalarOf(type: string, value: unknown): Scalar {
  if (typeof value === "string") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "boolean") return String(value);
  throw new FilterError(`${type} takes a text or a number`);
}
