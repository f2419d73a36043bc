import type { Answer, Call, Connection } from "./connection.ts";

const PER_PAGE = 500;

/**
 * Reads a list, up to `limit` rows. It walks by cursor what the server walks, so that no row is missed or read twice
 * while others come and go; other lists, and other servers, by pages.
 */
export async function pagesOf<Row>(
  connection: Connection,
  path: string,
  query: NonNullable<Call["query"]> = {},
  limit = Number.POSITIVE_INFINITY,
): Promise<Row[]> {
  const rows: Row[] = [];
  const perPage = Math.min(PER_PAGE, limit);
  const isWalked = WALKED.test(path);
  let at: { page: string } | { cursor: string } = isWalked ? { cursor: "" } : { page: "1" };
  for (let page = 2; ; page += 1) {
    const answer = await connection.call("GET", path, { query: { ...query, ...at, per_page: String(perPage) } });
    const found = (await answer.json()) as Row[];
    rows.push(...found);
    const next = answer.header("x-next-cursor");
    const hasMore = knowsCursors(answer) ? next !== undefined : found.length === perPage;
    if (!hasMore || rows.length >= limit) return rows.slice(0, limit);
    at = next === undefined ? { page: String(page) } : { cursor: next };
  }
}

/** Lists that our server walks by cursor. */
const WALKED = /\/(?:devauth\/devices|deployments\/[^/]+\/devices\/list|auditlogs\/logs|filters\/[^/]+\/search)$/;

/** A server that does not know cursors answers with the first page, whose links have none. */
const knowsCursors = (answer: Answer): boolean => /[?&]cursor=/.test(answer.header("link") ?? "");
