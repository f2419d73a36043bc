import { counterOf } from "../../domain/filters/counters.ts";
import type { Predicate } from "../../domain/filters/predicate.ts";
import { readCounter } from "./device-counts.ts";
import { isIndexed, startParameters } from "./filter-sql.ts";
import { COUNTED_MAX, estimate, inTime, needsState, type SearchInSight, STATE, whereOf } from "./inventory-search.ts";
import type { Session } from "./postgres.ts";

/** How many devices match. Not `exact`: it is an estimate from a sample. */
export interface Matching {
  readonly count: number;
  readonly exact: boolean;
}

/** So many matches are counted if the index of the attributes answers a part of the predicate. */
const COUNTED_BY_INDEX_MAX = 100_000;

/** Rows of a sample that only tells many matches from few. */
const LOOK = 10_000;

/**
 * Several processes count, if there are processors for them. The planner would share out only the time of processors: a
 * count of rows that are all over the table looks to it as if one process were as good.
 */
const TOGETHER =
  "SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL random_page_cost = 1.1";

/**
 * Counts the devices in sight that match. About 100,000 matches are counted one by one if the index finds them, else
 * 10,000. More are estimated, for which it does not matter how many devices there are, unless `isExact` asks to look at
 * each of them.
 */
export async function countMatching(
  session: Session,
  tenant: string,
  predicate: Predicate,
  isExact: boolean,
): Promise<Matching> {
  const what = session.sight.groups === undefined ? counterOf(predicate) : undefined;
  if (what !== undefined) return { count: await readCounter(session, tenant, what), exact: true };
  return inTime(session, async () => {
    if (isExact) return { count: await countOne(session, tenant, predicate), exact: true };
    // A look at a hundredth of the devices tells whether there are surely more.
    const believed = await estimate(session, tenant, { predicate }, LOOK);
    if (isIndexed(predicate) && believed <= COUNTED_BY_INDEX_MAX)
      return { count: await countOne(session, tenant, predicate), exact: true };
    if (believed > 3 * COUNTED_MAX) return { count: await estimate(session, tenant, { predicate }), exact: false };
    const counted = await countOne(session, tenant, predicate, COUNTED_MAX + 1);
    if (counted <= COUNTED_MAX) return { count: counted, exact: true };
    return { count: Math.max(counted, await estimate(session, tenant, { predicate })), exact: false };
  });
}

/** @param limit after so many it stops */
async function countOne(session: Session, tenant: string, predicate: Predicate, limit?: number): Promise<number> {
  const { text, values } = countStatement(tenant, { predicate, groups: session.sight.groups }, limit);
  await session.raw(TOGETHER);
  const [row] = await session.raw<{ n: number }>(text, values);
  return row?.n ?? 0;
}

/** The statement of a count. Exported for a look at its plan. */
function countStatement(tenant: string, search: SearchInSight, limit?: number) {
  const parameters = startParameters([tenant]);
  const where = whereOf(search, parameters, "many");
  const found = `SELECT FROM inventory i ${needsState(where) ? STATE : ""} WHERE ${where}`;
  const text = `SELECT count(*) AS n FROM (${found} ${limit === undefined ? "" : `LIMIT ${limit}`}) AS found`;
  return { text, values: parameters.values };
}
