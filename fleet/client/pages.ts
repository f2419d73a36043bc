import type { Call, Connection } from "./connection.ts";

const PER_PAGE = 500;

/** Reads a list page by page, up to `limit` rows. */
export async function pagesOf<Row>(
  connection: Connection,
  path: string,
  query: NonNullable<Call["query"]> = {},
  limit = Number.POSITIVE_INFINITY,
): Promise<Row[]> {
  const rows: Row[] = [];
  const perPage = Math.min(PER_PAGE, limit);
  for (let page = 1; rows.length < limit; page += 1) {
    const paging = { page: String(page), per_page: String(perPage) };
    const found = (await (await connection.call("GET", path, { query: { ...query, ...paging } })).json()) as Row[];
    rows.push(...found);
    if (found.length < perPage) break;
  }
  return rows.slice(0, limit);
}
