import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endsSession, type Route, routesOf } from "../support/server/api-routes.ts";
import { addTestArtifact } from "../support/server/artifacts.ts";
import { type RandomRequest, randomRequests } from "../support/server/random-requests.ts";
import { addDeployment } from "../support/server/seed.ts";
import { makeDevice, setAttributes } from "../support/server/test-devices.ts";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";

/** `npm run test:requests -- --seconds 60 --seed N` tries many more. */
const SECONDS = Number(process.env["SWITCHBACK_REQUEST_SECONDS"] ?? "0");
const SEED = Number(process.env["SWITCHBACK_REQUEST_SEED"] ?? "20");
const RUNS = 800;
/** Its answer does not end. */
const STREAM = "/api/management/v1/events";

let server: TestServer;
let routes: readonly Route[];
let user: string;
let device: string;
let known: string[];

beforeAll(async () => {
  server = await startTestServer();
  routes = routesOf(server, "/").filter((route) => !endsSession(route) && route.path !== STREAM);
  user = server.token;
  const made = await makeDevice(server);
  const claims = { jti: made.set, sub: made.device, tenant: server.tenant.id, kind: "device" } as const;
  device = await server.server.services.tokens.sign(claims, 3600);
  await setAttributes(server, made.device, { mac: "00:11", count: 7, tags: ["a", "b"] });
  await server.request("PATCH", "/api/management/v1/inventory/groups/lab/devices", [made.device]);
  const artifact = await addTestArtifact(server, { name: "release-1", deviceTypes: ["board-a"] });
  const deployment = await addDeployment(server, { release: "release-1", devices: [made.device] });
  known = [made.device, made.set, artifact, deployment, "release-1", "board-a", "lab", "mac", "inventory", "success"];
});
afterAll(() => server.close());

async function send({ route, token, target, headers, body }: RandomRequest): Promise<Response> {
  const bearer = { user, device, none: "" }[token];
  return fetch(`${server.url}${target}`, {
    method: route.method,
    headers: { ...headers, ...(bearer !== "" && { authorization: `Bearer ${bearer}` }) },
    ...(body !== undefined && { body: Buffer.from(body) }),
    redirect: "manual",
  });
}

test("a text that PostgreSQL cannot keep is refused in the path and in the query of each route", async () => {
  const asked = routes.filter(({ isOpen, path }) => !isOpen && path.startsWith("/api/management/"));
  const targets = asked.flatMap(({ method, path }) => [
    { method, target: `${path.replaceAll(/\{\w+\}/g, crypto.randomUUID())}?some=%00` },
    ...(path.includes("{") ? [{ method, target: path.replaceAll(/\{\w+\}/g, "%00") }] : []),
  ]);
  const answers = await Promise.all(
    targets.map(async ({ method, target }) => {
      const answer = await server.request(method, target, method === "GET" ? undefined : {});
      return [method, target, answer.status, ((await answer.json()) as { error: string }).error];
    }),
  );
  expect(asked.length).toBeGreaterThan(70);
  expect(answers.filter(([, , status, error]) => status !== 400 || !/NUL/.test(String(error)))).toEqual([]);
});

test("no request that fits the description of the API, nearly fits it or does not is a fault of the server", async () => {
  expect(routes.length).toBeGreaterThan(70);
  const answers = new Map<number, number>();
  const reached = new Set<Route>();
  const property = fc.asyncProperty(randomRequests(routes, known), async (request) => {
    const answer = await send(request);
    const text = await answer.text();
    answers.set(answer.status, (answers.get(answer.status) ?? 0) + 1);
    if (answer.status < 300) reached.add(request.route);
    expect(answer.status, `${request.route.method} ${request.target}: ${text}`).toBeLessThan(500);
    // A session may have been ended by one of the requests.
    if (answer.status === 401 && request.token === "user" && request.route.path.startsWith("/api/management/"))
      user = await logIn(server.url, "admin@example.com", "correct horse battery");
  });
  await fc.assert(
    property,
    SECONDS > 0
      ? { seed: SEED, numRuns: 10_000_000, interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false }
      : { seed: SEED, numRuns: RUNS },
  );
  const total = [...answers.values()].reduce((sum, count) => sum + count, 0);
  if (SECONDS > 0)
    process.stdout.write(
      `${total} requests with seed ${SEED}: ${[...answers].map(([status, n]) => `${n} times ${status}`).join(", ")}\n`,
    );
  // The requests get through to what the routes do.
  expect(reached.size).toBeGreaterThan(15);
});
