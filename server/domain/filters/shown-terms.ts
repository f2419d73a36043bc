const SHOWN_MAX = 500;

const OPERATORS: Readonly<Record<string, string>> = {
  ...{ $eq: "=", $ne: "!=", $gt: ">", $gte: ">=", $lt: "<", $lte: "<=", $ltne: "<", $in: "in", $nin: "not in" },
  ...{ $exists: "exists", $regex: "matches" },
  ...{ $vergt: ">", $vergte: ">=", $verlt: "<", $verlte: "<=" },
};

/** Terms that can be read in a sentence, at most 500 characters: `type = board-1 and not (site = lab)`. */
export const shownTerms = (terms: readonly unknown[]): string => joined(terms, " and ").slice(0, SHOWN_MAX);

const joined = (terms: readonly unknown[], by: string): string => terms.map(shownTerm).join(by);

function shownTerm(term: unknown): string {
  const { all, any, not, ...condition } = term as Readonly<Record<string, unknown>>;
  if (Array.isArray(all)) return `(${joined(all, " and ")})`;
  if (Array.isArray(any)) return `(${joined(any, " or ")})`;
  if (not !== undefined) return `not (${shownTerm(not)})`;
  const { attribute, type, value } = condition;
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  return `${String(attribute)} ${OPERATORS[String(type)] ?? String(type)} ${shown}`;
}
