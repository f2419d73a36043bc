import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createApp } from "../../../server/api/app.ts";
import type { App } from "../../../server/api/app-types.ts";
import { DeviceMemories } from "../../../server/api/device/device-memories.ts";
import { findCallers } from "../../../server/api/find-callers.ts";
import { peopleRoutes } from "../../../server/api/management/people-routes.ts";
import { ServerError } from "../../../server/errors/server-error.ts";
import { createLogger } from "../../../server/logging/logger.ts";
import { logRequests } from "../../../server/logging/request-log.ts";
import { logIn, startTestServer, type TestServer } from "../../support/server/test-server.ts";

const lines: string[] = [];
const log = createLogger("debug", { write: (line) => void lines.push(line) });
let server: TestServer;
let app: App;
let url: string;
beforeAll(async () => {
  server = await startTestServer();
  const { services } = server.server;
  const { postgres, tokens, notices } = services;
  const callers = findCallers(postgres, tokens, new DeviceMemories(postgres, tokens, notices));
  app = await createApp({ log, callers, routes: [...peopleRoutes(services), failing, logRequests] });
  url = await app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(async () => {
  await app.close();
  await server.close();
});

function failing(routes: App): void {
  const schema = { params: z.object({ secret: z.string() }) };
  routes.get("/fails/:secret", { config: { auth: "none" }, schema }, () => {
    const cause = Object.assign(new Error("duplicate key"), { code: "23505", detail: "Key (email)=(secret-detail)" });
    throw new ServerError("INTERNAL", {}, { cause });
  });
}

const ask = (method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${server.token}`,
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

test("requests are logged with their ids, and no password, token, signature or value of a row", async () => {
  await logIn(url, "admin@example.com", "correct horse battery");
  await logIn(url, "admin@example.com", "secret-wrong").catch(() => undefined); // ignored: that is the test.
  await ask("GET", "/api/management/v1/useradm/users?x-men-signature=secret-signature");
  await ask("POST", "/api/management/v1/useradm/users", { email: "a@b.example", password: "secret-password" });
  const failed = await ask("GET", "/fails/secret-parameter?x=secret-query");
  expect(failed.status).toBe(500);
  log.info(
    { headers: { authorization: "secret-header" }, body: { password: "secret-body" }, token: "secret-token" },
    "said",
  );
  const text = lines.join("");
  expect(text).not.toMatch(/secret-|correct horse/);
  for (const part of server.token.split(".")) expect(text).not.toContain(part);
  const all = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const ofFailed = all.filter((line) => line["request_id"] === failed.headers.get("x-men-requestid"));
  expect(ofFailed).toMatchObject([
    { level: "error", err: { code: "INTERNAL", cause: { message: "duplicate key", code: "23505" } } },
    { level: "error", method: "GET", route: "/fails/:secret", status: 500, address: "127.0.0.1" },
  ]);
  expect(all.find((line) => line["status"] === 201)).toMatchObject({ level: "info", tenant: server.tenant.id });
  expect(all.at(-1)).toMatchObject({ headers: { authorization: "[secret]" }, body: { password: "[secret]" } });
});

test("nobody can forge a line of the log", async () => {
  lines.length = 0;
  const forged = 'a"}\n{"level":"fatal","msg":"forged"}\n{"a":"';
  await ask("GET", `/api/management/v1/${encodeURIComponent(forged)}`);
  await ask("GET", "/healthz", undefined);
  const basic = Buffer.from(`${forged}:${forged}`).toString("base64");
  await fetch(`${url}/api/management/v1/useradm/auth/login`, {
    method: "POST",
    headers: {
      authorization: `Basic ${basic}`,
      "user-agent": forged.replaceAll("\n", "\t"),
      "x-forwarded-for": "forged",
    },
  });
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines) {
    expect(line.indexOf("\n"), line).toBe(line.length - 1);
    expect((JSON.parse(line) as { msg: string; address: string }).msg, line).toBe("request");
    expect(line).not.toContain("forged");
  }
});
