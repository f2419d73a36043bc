import { readCounter } from "../../../adapters/postgres/device-counts.ts";
import {
  type Found,
  type Search,
  searchAndCount,
  searchInventory,
} from "../../../adapters/postgres/inventory-search.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { counterOf } from "../../../domain/filters/counters.ts";
import { type Condition, type Predicate, parseConditions } from "../../../domain/filters/predicate.ts";
import { isFilterMistake, parseTerms } from "../../../domain/filters/terms.ts";
import { ServerError } from "../../../errors/server-error.ts";
import { type Paging, windowOf } from "../../paging.ts";

/** @throws {ServerError} REQUEST_INVALID that says what is wrong with a condition */
export const readConditions = (conditions: readonly Condition[]): Predicate =>
  orInvalid("filters", () => parseConditions(conditions));

/** The same for terms, which may join conditions by AND, OR and NOT. */
export const readTerms = (terms: readonly unknown[], where = "terms"): Predicate =>
  orInvalid(where, () => parseTerms(terms));

function orInvalid(where: string, parse: () => Predicate): Predicate {
  try {
    return parse();
  } catch (error) {
    if (!isFilterMistake(error)) throw error;
    throw new ServerError("REQUEST_INVALID", { in: where, reason: error.message });
  }
}

/** A page of what a search finds, and how many devices it finds. */
export async function findPage(session: Session, tenant: string, search: Search, paging: Paging): Promise<Found> {
  const isAll = session.sight.groups === undefined && search.devices === undefined && (search.text ?? "") === "";
  const what = isAll ? counterOf(search.predicate) : undefined;
  if (what === undefined) return searchAndCount(session, tenant, search, windowOf(paging));
  const rows = await searchInventory(session, tenant, search, windowOf(paging));
  const isWhole = paging.page === 1 && rows.length < paging.per_page;
  return { rows, total: isWhole ? rows.length : await readCounter(session, tenant, what) };
}
