import { numberOf } from "./numbers.ts";
import type { Comparison, Place, Predicate, Scalar } from "./predicate.ts";
import { type Version, versionIn } from "./versions.ts";

/** What is known of a device: scope, then name, then value. */
export type Facts = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Whether a device is meant. A list has a property if one of its elements has it, and a missing value has none. */
export function holds(predicate: Predicate, facts: Facts): boolean {
  switch (predicate.test) {
    case "all":
      return predicate.of.every((one) => holds(one, facts));
    case "any":
      return predicate.of.some((one) => holds(one, facts));
    case "not":
      return !holds(predicate.of, facts);
    case "exists":
      return valueAt(facts, predicate.at) !== undefined;
    case "equals":
      return elements(facts, predicate.at).some((one) => predicate.values.some((value) => equals(one, value)));
    case "compares":
      return elements(facts, predicate.at).some((one) => compares(one, predicate.is, predicate.value));
    case "follows":
      return follows(valueAt(facts, predicate.at), predicate.is, predicate.version);
    case "matches":
      return elements(facts, predicate.at).some((one) => typeof one === "string" && predicate.pattern.matches(one));
  }
}

function valueAt(facts: Facts, { scope, attribute }: Place): unknown {
  const values = Object.hasOwn(facts, scope) ? facts[scope] : undefined;
  return values !== undefined && Object.hasOwn(values, attribute) ? values[attribute] : undefined;
}

function elements(facts: Facts, at: Place): readonly unknown[] {
  const value = valueAt(facts, at);
  return Array.isArray(value) ? value : [value];
}

/** 5 and "5" are equal, because devices report numbers as texts. */
function equals(stored: unknown, value: Scalar): boolean {
  if (typeof stored === "string") return stored === String(value);
  return typeof stored === "number" && stored === numberOf(value);
}

/** Compares numbers as numbers, if both sides are, and texts by their characters. */
function compares(stored: unknown, is: Comparison, value: Scalar): boolean {
  const wanted = numberOf(value);
  if (wanted !== undefined) {
    const number = numberOf(stored);
    return number !== undefined && ORDER[is](number - wanted);
  }
  return typeof stored === "string" && ORDER[is](Buffer.compare(Buffer.from(stored), Buffer.from(String(value))));
}

/** A version in a text compares to one with the same text before it, or to one that stands alone. A list has no version. */
function follows(stored: unknown, is: Comparison, wanted: Version): boolean {
  const version = typeof stored === "string" ? versionIn(stored) : undefined;
  if (version === undefined || (wanted.prefix !== "" && version.prefix !== wanted.prefix)) return false;
  return ORDER[is](Buffer.compare(Buffer.from(version.key), Buffer.from(wanted.key)));
}

const ORDER: Readonly<Record<Comparison, (difference: number) => boolean>> = {
  "<": (difference) => difference < 0,
  "<=": (difference) => difference <= 0,
  ">": (difference) => difference > 0,
  ">=": (difference) => difference >= 0,
};
