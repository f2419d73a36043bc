import type { Predicate } from "./predicate.ts";

/** The counter that has the number of devices for which a predicate holds, if there is one: `status:` of all devices. */
export function counterOf(predicate: Predicate): string | undefined {
  if (predicate.test !== "all") return undefined;
  const terms = new Map<string, string>();
  for (const term of predicate.of) {
    if (term.test !== "equals" || term.values.length !== 1) return undefined;
    terms.set(`${term.at.scope}/${term.at.attribute}`, String(term.values[0]));
  }
  if (terms.size !== predicate.of.length) return undefined;
  const status = terms.get("identity/status");
  const group = terms.get("system/group");
  if (terms.size === 0) return "status:";
  if (terms.size === 1 && status !== undefined) return `status:${status}`;
  return terms.size === 2 && status === "accepted" && group !== undefined ? `group:${group}` : undefined;
}
