import { readCounts } from "../../../adapters/postgres/device-counts.ts";
import {
  type Found,
  type Search,
  searchAndCount,
  searchInventory,
} from "../../../adapters/postgres/inventory-search.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { PatternError } from "../../../domain/filters/pattern.ts";
import { type Condition, FilterError, type Predicate, parseConditions } from "../../../domain/filters/predicate.ts";
import { ServerError } from "../../../errors/server-error.ts";
import { type Paging, windowOf } from "../../paging.ts";

/** @throws {ServerError} REQUEST_INVALID that says what is wrong with a condition */
export function readConditions(conditions: readonly Condition[]): Predicate {
  try {
    return parseConditions(conditions);
  } catch (error) {
    if (!(error instanceof FilterError || error instanceof PatternError)) throw error;
    throw new ServerError("REQUEST_INVALID", { in: "filters", reason: error.message });
  }
}

/** A page of what a search finds, and how many devices it finds. */
export async function findPage(session: Session, tenant: string, search: Search, paging: Paging): Promise<Found> {
  const isAll = session.sight.groups === undefined && search.devices === undefined && (search.text ?? "") === "";
  const what = isAll ? counterOf(search.predicate) : undefined;
  if (what === undefined) return searchAndCount(session, tenant, search, windowOf(paging));
  const rows = await searchInventory(session, tenant, search, windowOf(paging));
  const isWhole = paging.page === 1 && rows.length < paging.per_page;
  return { rows, total: isWhole ? rows.length : await totalOf(session, tenant, what) };
}

/** From the counters, because no page should count rows. */
async function totalOf(session: Session, tenant: string, what: string): Promise<number> {
  const counts = await readCounts(session, tenant, what);
  return what === "status:" ? [...counts.values()].reduce((sum, n) => sum + n, 0) : (counts.get(what) ?? 0);
}

/** The counter that a predicate asks for: `status:` for all devices. */
function counterOf(predicate: Predicate): string | undefined {
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
