import { Readable } from "node:stream";
import { expect, test } from "vitest";
import type { Answer, Connection } from "../../fleet/client/connection.ts";
import { pagesOf } from "../../fleet/client/pages.ts";

const DEVICES = "/api/management/v2/devauth/devices";

/** A server with numbers in a list. Each request may change the list before the next one. */
function server(
  numbers: number[],
  { knowsCursors, between }: { knowsCursors: boolean; between?: () => void },
): Connection & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    server: "http://server",
    asked,
    async call(_method, _path, { query = {} } = {}) {
      asked.push(new URLSearchParams(query as Record<string, string>).toString());
      const perPage = Number(query["per_page"]);
      const cursor = knowsCursors ? query["cursor"] : undefined;
      const from =
        cursor === undefined
          ? (Number(query["page"] ?? 1) - 1) * perPage
          : numbers.findIndex((one) => one > Number(cursor === "" ? -1 : cursor));
      const rows = from < 0 ? [] : numbers.slice(from, from + perPage);
      const last = rows.at(-1);
      const headers: Record<string, string> = {};
      if (cursor === undefined) headers["link"] = `<${DEVICES}?page=1>; rel="first"`;
      else {
        headers["link"] = `<${DEVICES}?cursor=&per_page=500>; rel="first"`;
        if (last !== undefined && last !== numbers.at(-1)) headers["x-next-cursor"] = String(last);
      }
      const text = JSON.stringify(rows);
      between?.();
      return {
        status: 200,
        header: (name) => headers[name],
        text: async () => text,
        json: async () => JSON.parse(text) as unknown,
        stream: Readable.from([]),
      } satisfies Answer;
    },
  };
}
const count = (n: number): number[] => Array.from({ length: n }, (_, one) => one);

test("a list that the server walks is read by cursor, and rows that go away hide no others", async () => {
  const numbers = count(1200);
  const walked = server(numbers, { knowsCursors: true, between: () => numbers.splice(0, 100) });
  expect(await pagesOf(walked, DEVICES, { status: "pending" })).toEqual(count(1200));
  expect(walked.asked).toEqual([
    "status=pending&cursor=&per_page=500",
    "status=pending&cursor=499&per_page=500",
    "status=pending&cursor=999&per_page=500",
  ]);
});

test("a whole last page is not followed by another request", async () => {
  const walked = server(count(1000), { knowsCursors: true });
  expect(await pagesOf(walked, DEVICES)).toHaveLength(1000);
  expect(walked.asked).toHaveLength(2);
});

test("a server that does not know cursors is read by pages", async () => {
  const paged = server(count(1200), { knowsCursors: false });
  expect(await pagesOf(paged, DEVICES)).toEqual(count(1200));
  expect(paged.asked.slice(1)).toEqual(["page=2&per_page=500", "page=3&per_page=500"]);
});

test("a list that no server walks is read by pages", async () => {
  const paged = server(count(600), { knowsCursors: true });
  expect(await pagesOf(paged, "/api/management/v1/useradm/users")).toEqual(count(600));
  expect(paged.asked).toEqual(["page=1&per_page=500", "page=2&per_page=500"]);
});

test("not more rows are read than wanted", async () => {
  const walked = server(count(1200), { knowsCursors: true });
  expect(await pagesOf(walked, DEVICES, {}, 501)).toEqual(count(501));
  expect(walked.asked).toHaveLength(2);
});
