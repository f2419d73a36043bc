import { counterOf } from "../../domain/filters/counters.ts";
import type { Predicate } from "../../domain/filters/predicate.ts";
import { readCounter } from "./device-counts.ts";
import { startParameters } from "./filter-sql.ts";
import { COUNTED_MAX, estimate, inTime, needsState, STATE, whereOf } from "./inventory-search.ts";
import type { Session } from "./postgres.ts";

/** How many devices match. Not `exact`: it is an estimate from a sample. */
export interface Matching {
  readonly count: number;
  readonly exact: boolean;
}

/** Rows of a sample that only tells many matches from few. */
const LOOK = 10_000;

/** Whether there are so many more matches than are counted that a look at a hundredth of the devices tells. */
const areSurelyMany = async (session: Session, tenant: string, predicate: Predicate): Promise<boolean> =>
  (await estimate(session, tenant, { predicate }, LOOK)) > 3 * COUNTED_MAX;

/**
 * Counts the devices in sight that match. It takes about as long for a million devices as for ten thousand: more matches
 * than that are estimated, unless `isExact` asks to look at each of them.
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
    if (!isExact && (await areSurelyMany(session, tenant, predicate)))
      return { count: await estimate(session, tenant, { predicate }), exact: false };
    const parameters = startParameters([tenant]);
    const where = whereOf({ predicate, groups: session.sight.groups }, parameters);
    const [row] = await session.raw<{ n: number }>(
      `SELECT count(*) AS n FROM (SELECT FROM inventory i ${needsState(where) ? STATE : ""} WHERE ${where}
        ${isExact ? "" : `LIMIT ${COUNTED_MAX + 1}`}) AS found`,
      parameters.values,
    );
    const counted = row?.n ?? 0;
    if (isExact || counted <= COUNTED_MAX) return { count: counted, exact: true };
    return { count: Math.max(counted, await estimate(session, tenant, { predicate })), exact: false };
  });
}
