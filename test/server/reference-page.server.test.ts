import { afterAll, beforeAll, expect, test } from "vitest";
import { referencePage } from "../../server/api/operations/reference-page.ts";
import { routesOf } from "../support/server/api-routes.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

test("the reference page has every route of the API, and needs nothing but itself", async () => {
  const answer = await fetch(`${server.url}/reference`);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
  const page = await answer.text();
  const routes = routesOf(server, "/");
  expect(routes.length).toBeGreaterThan(70);
  const missing = routes.filter(({ method, path }) => !page.includes(`<b>${method}</b> <code>${path}</code>`));
  expect(missing).toEqual([]);
  for (const { name } of routes.flatMap(({ parameters }) => parameters)) expect(page).toContain(`<code>${name}</code>`);
  expect(page).not.toMatch(/<script|<link|<img|@import|url\(|https?:/);
});

test("a name in the description of the API is text in the page", () => {
  const page = referencePage({
    info: { title: "<script>", version: '"&' },
    paths: { "/<b>": { get: { parameters: [{ in: "query", name: "<i>", schema: { type: "<u>" } }] } } },
  });
  expect(page).not.toMatch(/<script|<i>|<u>|<b><\/code>/);
  expect(page).toContain("&lt;script&gt; &quot;&amp;: API");
});
