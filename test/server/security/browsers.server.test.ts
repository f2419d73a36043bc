import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { filesBelow } from "../../../scripts/lib/files.ts";
import { endsSession, type Route, routesOf, type Schema } from "../../support/server/api-routes.ts";
import { makeArtifact, upload } from "../../support/server/artifacts.ts";
import { makeDevice } from "../../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";

let server: TestServer;
let routes: readonly Route[];
/** A server that somebody would like ours to call. */
let canary: Server;
let canaryUrl: string;
let calls: string[];

beforeAll(async () => {
  server = await startTestServer();
  routes = routesOf(server, "/api/");
  calls = [];
  canary = createServer((request, response) => {
    calls.push(request.url ?? "");
    response.end("{}");
  }).listen(0, "127.0.0.1");
  await once(canary, "listening");
  canaryUrl = `http://127.0.0.1:${(canary.address() as AddressInfo).port}/canary`;
});
afterAll(async () => {
  canary.close();
  await server.close();
});

const EVIL = "https://evil.example";
const filled = (path: string): string => path.replaceAll(/\{\w+\}/g, "0b1f1a52-6f3f-4d0e-9a43-7f0b6ef0a7c1");

test("what another site lets a browser send does nothing: a token is in no cookie, and no answer allows another origin", async () => {
  const cookie = ["JWT", "token", "session", "Authorization"].map((name) => `${name}=${server.token}`).join("; ");
  const before = await server.server.services.postgres.shared((session) =>
    session.raw("SELECT count(*) FROM sessions"),
  );
  // The content types that a form, or a script without permission, may send.
  for (const { method, path, isOpen } of routes)
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
      const title = `${method} ${path} ${type}`;
      const answer = await fetch(`${server.url}${filled(path)}`, {
        method,
        headers: { cookie, origin: EVIL, "sec-fetch-site": "cross-site", "content-type": type },
        ...(method !== "GET" && method !== "HEAD" && { body: '{"a":"b"}' }),
      });
      if (isOpen) expect(answer.status, title).toBeGreaterThanOrEqual(400);
      else expect(answer.status, title).toBe(401);
      for (const name of [
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "set-cookie",
        "www-authenticate",
      ])
        expect(answer.headers.get(name), `${title}: ${name}`).toBeNull();
    }
  for (const { path } of routes) {
    const asked = { "access-control-request-method": "POST", "access-control-request-headers": "authorization" };
    const answer = await fetch(`${server.url}${filled(path)}`, {
      method: "OPTIONS",
      headers: { origin: EVIL, ...asked },
    });
    expect([answer.status, answer.headers.get("access-control-allow-origin")], path).toEqual([404, null]);
  }
  expect(
    await server.server.services.postgres.shared((session) => session.raw("SELECT count(*) FROM sessions")),
  ).toEqual(before);
});

/** All members and parameters that a schema names. */
function namesIn(schema: unknown): readonly string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const own = "properties" in schema ? Object.keys(schema.properties as object) : [];
  return [...own, ...Object.values(schema).flatMap(namesIn)];
}

/** A value of a schema whose every text is `text`. */
function filledWith(schema: Schema | undefined, text: string, depth = 0): unknown {
  if (schema === undefined || depth > 5) return text;
  const [first] = (schema["anyOf"] ?? schema["oneOf"] ?? []) as Schema[];
  if (first !== undefined) return filledWith(first, text, depth + 1);
  if (Array.isArray(schema["enum"])) return schema["enum"][0];
  switch (schema["type"]) {
    case "object": {
      const properties = Object.entries((schema["properties"] ?? { [text]: {} }) as Record<string, Schema>);
      return Object.fromEntries(properties.map(([name, one]) => [name, filledWith(one, text, depth + 1)]));
    }
    case "array":
      return [filledWith(schema["items"] as Schema | undefined, text, depth + 1)];
    case "number":
    case "integer":
      return 1;
    case "boolean":
      return true;
    default:
      return text;
  }
}

const METADATA = "/api/management/v1/useradm/sso/idp/metadata";
const INTEGRATIONS = "/api/management/v1/iot-manager/integrations";

test("only webhooks and identity providers take a URL, and the server calls none that is in a text", async () => {
  const taken = routes.flatMap(({ path, parameters, body }) =>
    [...parameters.map(({ name }) => name), ...namesIn(body)].map((name) => `${path}: ${name}`),
  );
  expect(taken.length).toBeGreaterThan(50);
  const urls = taken.filter((name) => /ur[il]\b|callback|webhook|endpoint|issuer/i.test(name.split(": ")[1] ?? ""));
  // They refuse private addresses: webhooks.server.test.ts, providers.server.test.ts.
  expect(urls).toEqual([
    ...[`${INTEGRATIONS}: url`, `${INTEGRATIONS}/{id}/credentials: url`],
    ...[`${METADATA}: issuer`, `${METADATA}/{id}: issuer`],
  ]);
  const { device, set } = await makeDevice(server);
  const claims = { jti: set, sub: device, tenant: server.tenant.id, kind: "device" } as const;
  const deviceToken = await server.server.services.tokens.sign(claims, 600);
  for (const { method, path, parameters, body } of routes.filter((route) => !endsSession(route))) {
    const query = parameters
      .filter((one) => one.in === "query")
      .map(({ name }) => [name, canaryUrl] as [string, string]);
    const target = path.replaceAll(/\{\w+\}/g, encodeURIComponent(canaryUrl));
    for (const place of [filled(path), target]) {
      const answer = await fetch(`${server.url}${place}?${new URLSearchParams(query)}`, {
        method,
        headers: {
          authorization: `Bearer ${path.startsWith("/api/devices/") ? deviceToken : server.token}`,
          ...{ host: new URL(canaryUrl).host, "x-forwarded-host": new URL(canaryUrl).host, referer: canaryUrl },
          "content-type": "application/json",
        },
        ...(method !== "GET" && method !== "HEAD" && { body: JSON.stringify(filledWith(body, canaryUrl)) }),
      });
      expect(answer.status, `${method} ${place}`).toBeLessThan(500);
    }
  }
  expect(calls).toEqual([]);
});

/** Modules that may open connections. */
const CALLERS = /^server\/(?:listeners|adapters\/(?:postgres|objects|webhooks|outgoing))\//;

test("only the database, the store of objects, webhooks and identity providers are called by the server", async () => {
  const sources = await filesBelow("server", ".ts");
  expect(sources.length).toBeGreaterThan(100);
  const found: string[] = [];
  for (const path of sources.filter((one) => !CALLERS.test(one))) {
    const text = await readFile(path, "utf8");
    if (/\bfetch\(|from "(?:node:)?(?:https?|net|tls|dgram|http2)"/.test(text.replaceAll(/import type [^;]*;/g, "")))
      found.push(path);
  }
  // They read certificates, and whether a text is an address. The page calls the server from a browser; collectors of
  // logs are those that the configuration names.
  expect(found).toEqual([
    "server/adapters/enrolment/rules.ts",
    "server/adapters/syslog/collector.ts",
    "server/adapters/tls/authority.ts",
    "server/adapters/tls/trusted-cas.ts",
    "server/api/operations/password-page.ts",
    "server/config/config.ts",
  ]);
});

test("what is hostile in names and paths stays in its place", async () => {
  const name = 'release";filename=evil.sh;x="';
  const added = await upload(server, await makeArtifact({ name }));
  const link = (await (await server.request("GET", `${added.headers.get("location")}/download`)).json()) as {
    uri: string;
  };
  const downloaded = await fetch(link.uri);
  expect(downloaded.headers.get("content-disposition")).toMatch(
    /^attachment; filename="[\w.+ @=~-]*"; filename\*=UTF-8''[\w%.~-]+$/,
  );
  for (const path of [
    ...["/api/../../../etc/passwd", "/api/%2e%2e/%2e%2e/etc/passwd", "//evil.example/", "/%00", "/%ff"],
    "/api/devices/v1/download/..%2f..%2f..%2fetc%2fpasswd",
  ]) {
    const answer = await fetch(`${server.url}${path}`, { redirect: "manual" });
    expect([400, 404], path).toContain(answer.status);
    expect(await answer.text(), path).not.toContain("root:");
  }
});
