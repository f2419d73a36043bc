import { expect, test } from "vitest";
import { startTestServer } from "../support/server/test-server.ts";

test("a server that ends tells the balancer first, and answers everything until then", async () => {
  const server = await startTestServer({ drainDelayMs: 5000 });
  const ask = async (path: string) => {
    const answer = await fetch(`${server.url}${path}`);
    const { code } = (await answer.json()) as { code?: string };
    return [answer.status, code, answer.headers.get("retry-after"), answer.headers.get("connection")];
  };
  expect(await ask("/readyz")).toEqual([200, undefined, null, "keep-alive"]);
  const closed = server.close();
  const listed = server.request("GET", "/api/management/v2/devauth/devices");
  expect(await Promise.all([ask("/readyz"), ask("/healthz"), listed.then(({ status }) => status)])).toEqual([
    [503, "SERVER_ENDING", expect.stringMatching(/^[1-9]$/), "close"],
    [200, undefined, null, "close"],
    200,
  ]);
  await closed;
  await expect(ask("/healthz")).rejects.toThrow("fetch failed");
});
