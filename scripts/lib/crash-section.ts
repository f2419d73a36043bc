/** The counts of a crash test. */
export interface CrashResult {
  /** The kind of cuts, and the method of choosing them. */
  readonly what: string;
  readonly cuts: number;
  readonly resumed: number;
  readonly rolledBack: number;
  readonly broken: number;
  readonly blocksKept: number;
  readonly blocksLost: number;
  readonly renamesUndone: number;
  readonly filesTorn: number;
  /** Cuts by the update's state on disk. */
  readonly states: Readonly<Record<string, number>>;
  /** Only for deployments: final statuses that the server received, and how many requests it answered badly. */
  readonly told?: Readonly<Record<"deployments" | "finals" | "requests" | "troubles", number>>;
}

/** Section of the page for updates from the command line, and for those from a server. */
export type CrashPlace = "killed-at-random" | "killed-in-deployments";

/** Formats the section of the page. @throws if there are no results, or if something broke */
export function crashSection(
  results: readonly CrashResult[],
  where: string,
  place: CrashPlace = "killed-at-random",
): string {
  if (results.length === 0 || results.some(({ cuts, broken }) => cuts === 0 || broken > 0))
    throw new Error("there is no good result to record");
  const rows = results
    .toSorted((a, b) => (a.what < b.what ? -1 : 1))
    .map(
      (r) =>
        `| ${r.what} | ${r.cuts} | ${r.resumed} | ${r.rolledBack} | ${r.broken} | ${r.blocksLost} of ${r.blocksLost + r.blocksKept} | ${r.renamesUndone} | ${r.filesTorn} |`,
    );
  const states = new Map<string, number>();
  for (const result of results)
    for (const [state, count] of Object.entries(result.states)) states.set(state, (states.get(state) ?? 0) + count);
  const fell = [...states].sort(([, a], [, b]) => b - a).map(([state, count]) => `${count} ${state}`);
  return [
    `<!-- ${place}: begin -->`,
    "",
    `Measured ${where}.`,
    "",
    "| Cuts | number | resumed | rolled back | broken | unsynced blocks lost | renames undone | files torn |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
    `State on disk at the cut: ${fell.join(", ")}.`,
    "",
    ...results.flatMap(({ told }) => (told === undefined ? [] : [toldLine(told), ""])),
    `<!-- ${place}: end -->`,
  ].join("\n");
}

const toldLine = ({ deployments, finals, requests, troubles }: NonNullable<CrashResult["told"]>): string =>
  `${deployments} deployments on a server that answered ${troubles} of ${requests} requests badly: ${finals} final statuses, each true, ${finals - deployments} of them sent again because the answer was lost.`;

/**
 * Replaces the section of `page` that has the same first and last line as `section`.
 *
 * @throws if the page has no such section
 */
export function replaceSection(page: string, section: string): string {
  const lines = section.split("\n");
  const [first = "", last = ""] = [lines[0], lines.at(-1)];
  const [begin, end] = [page.indexOf(first), page.indexOf(last)];
  if (begin < 0 || end < begin) throw new Error("the page has no place for the section");
  return `${page.slice(0, begin)}${section}${page.slice(end + last.length)}`;
}
