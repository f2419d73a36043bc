import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { grantsOf } from "../../server/domain/permissions/grants.ts";
import { BUILT_IN_ROLES } from "../../server/domain/permissions/matrix.ts";
import { PERMISSIONS, type Permission } from "../../server/domain/permissions/permissions.ts";
import { endsSession } from "../support/server/api-routes.ts";
import { bodyOf } from "../support/server/event-stream.ts";
import { addPerson } from "../support/server/people.ts";
import { query } from "../support/server/seed.ts";
import { makeDevice } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

interface Declared {
  readonly method: string;
  readonly path: string;
  readonly permission: unknown;
}

let server: TestServer;
/** All routes of people with a token, as the API describes itself. */
let routes: readonly Declared[];
let device: string;

beforeAll(async () => {
  server = await startTestServer();
  const document = server.server.app.swagger() as {
    paths: Record<string, Record<string, { security?: unknown; "x-switchback-permission"?: unknown }>>;
  };
  routes = Object.entries(document.paths)
    .filter(([path]) => path.startsWith("/api/management/"))
    .flatMap(([path, operations]) =>
      Object.entries(operations)
        .filter(([, { security }]) => security !== undefined)
        .map(([method, operation]) => ({
          ...{ method: method.toUpperCase(), path, permission: operation["x-switchback-permission"] },
        })),
    );
  ({ device } = await makeDevice(server));
});
afterAll(() => server.close());

const records = async (): Promise<number> =>
  (await query<{ n: number }>(server, "SELECT count(*) AS n FROM audit"))[0]?.n ?? -1;

test("every route of people declares its permission in the description of the API", () => {
  expect(routes.length).toBeGreaterThan(80);
  const without = routes.filter(({ permission }) => !Object.hasOwn(PERMISSIONS, String(permission)));
  expect(without).toEqual([]);
});

for (const role of [...Object.keys(BUILT_IN_ROLES), undefined])
  test(`${role ?? "a user without roles"} gets 403 from the routes that the matrix denies, and from no others`, async () => {
    const person = await addPerson(server, role === undefined ? [] : [role]);
    const grants = grantsOf(role === undefined ? [] : (BUILT_IN_ROLES[role]?.sets ?? []));
    for (const { method, path, permission } of routes.filter((route) => !endsSession(route))) {
      const title = `${method} ${path}`;
      const mayAsk = grants.has(permission as Permission);
      // A device that is there and one that is not: a refusal must not tell them apart.
      for (const id of mayAsk ? [randomUUID()] : [device, randomUUID(), "no id"]) {
        const before = await records();
        // Not valid for any route with a body: a route that may be called gets as far as to notice it.
        const body = method === "GET" ? undefined : { not: { "valid for any": "route" } };
        const answer = await person.request(method, path.replaceAll(/\{\w+\}/g, encodeURIComponent(id)), body);
        const text = await bodyOf(answer);
        if (mayAsk) {
          expect([401, 403], `${title}: ${text}`).not.toContain(answer.status);
          expect(answer.status, `${title}: ${text}`).toBeLessThan(500);
        } else expect([answer.status, JSON.parse(text).code], title).toEqual([403, "FORBIDDEN"]);
        if (!mayAsk || answer.status >= 400) expect(await records(), `${title} leaves a record`).toBe(before);
      }
    }
  });
