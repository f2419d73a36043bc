import fastify from "fastify";
import { expect, test } from "vitest";
import { type Extent, PagingQuery, setPageHeaders, windowOf } from "../../server/api/paging.ts";

/** The headers of a page: who asks, and what is known of the list. */
async function headersOf(url: string, extent: Extent): Promise<readonly unknown[]> {
  const app = fastify();
  app.get("/list", (request, reply) => {
    setPageHeaders(request, reply, PagingQuery.parse(request.query), extent);
    return [];
  });
  const { headers } = await app.inject(url);
  return [...String(headers["link"]).split(/,\s*/), headers["x-total-count"]];
}

test("the links of a page repeat the query, and the last page is known if the total is", async () => {
  expect(await headersOf("/list?status=accepted&page=2&per_page=10", { total: 31 })).toEqual([
    '</list?status=accepted&page=1&per_page=10>; rel="first"',
    '</list?status=accepted&page=1&per_page=10>; rel="prev"',
    '</list?status=accepted&page=3&per_page=10>; rel="next"',
    '</list?status=accepted&page=4&per_page=10>; rel="last"',
    "31",
  ]);
  expect(await headersOf("/list", { more: true })).toEqual([
    '</list?page=1&per_page=20>; rel="first"',
    '</list?page=2&per_page=20>; rel="next"',
    undefined,
  ]);
  expect(await headersOf("/list", { total: 0 })).toEqual([
    '</list?page=1&per_page=20>; rel="first"',
    '</list?page=1&per_page=20>; rel="last"',
    "0",
  ]);
});

test("a page that is none is refused", () => {
  for (const query of [{ page: "0" }, { page: "-1" }, { page: "x" }, { per_page: "0" }, { per_page: "501" }])
    expect(PagingQuery.safeParse(query).success, JSON.stringify(query)).toBe(false);
  expect(windowOf(PagingQuery.parse({ page: "3", per_page: "500" }))).toEqual({ offset: 1000, limit: 500 });
});
