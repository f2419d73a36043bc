import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { filesBelow } from "../../scripts/lib/files.ts";
import { startPrivatePostgres } from "../../server/adapters/postgres/private/private-postgres.ts";
import { createApp } from "../../server/api/app.ts";
import type { App } from "../../server/api/app-types.ts";
import type { PersonCaller } from "../../server/api/callers.ts";
import { grantsOf } from "../../server/domain/permissions/grants.ts";
import { SERVER_ERRORS } from "../../server/errors/catalogue.ts";
import { ARTIFACTS, makeArtifact, upload } from "../support/server/artifacts.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const USERADM = "/api/management/v1/useradm";
let server: TestServer;
/** A link to an Artifact that can be downloaded. */
let link: URL;
beforeAll(async () => {
  server = await startTestServer();
  const added = await upload(server, await makeArtifact({ name: "linked" }));
  const answer = await server.request("GET", `${added.headers.get("location")}/download`);
  link = new URL(((await answer.json()) as { uri: string }).uri);
});
afterAll(() => server.close());

const linkWith = (name: string, value: string): string => {
  const changed = new URL(link);
  changed.searchParams.set(name, value);
  return changed.href;
};

const ANSWERS: readonly (readonly [code: keyof typeof SERVER_ERRORS, title: string, ask: () => Promise<Response>])[] = [
  [
    "LOGIN_FAILED",
    "a login without a password",
    () => fetch(`${server.url}${USERADM}/auth/login`, { method: "POST", headers: { authorization: "Basic YQ==" } }),
  ],
  [
    "REQUEST_MEDIA_TYPE",
    "a user in XML",
    () =>
      fetch(`${server.url}${USERADM}/users`, {
        method: "POST",
        headers: { authorization: `Bearer ${server.token}`, "content-type": "application/xml" },
        body: "<user/>",
      }),
  ],
  [
    "PRECONDITION_FAILED",
    "settings that somebody else has changed",
    () => server.request("POST", `${USERADM}/settings`, {}, { "if-match": '"77"' }),
  ],
  ["LINK_EXPIRED", "a link with another signature", () => fetch(linkWith("x-men-signature", "AAAA"))],
  [
    "PASSWORD_LINK_INVALID",
    "a link to set a password that was never made",
    () =>
      server.request("POST", `${USERADM}/auth/password-reset/complete`, { secret_hash: "x", password: "a long one" }),
  ],
  ["LINK_INVALID", "a link with a time that is none", () => fetch(linkWith("x-men-expire", "soon"))],
  ["RANGE_NOT_SATISFIABLE", "bytes beyond the end", () => fetch(link, { headers: { range: "bytes=99999999-" } })],
  ["ARTIFACT_INVALID", "a file that is no Artifact", () => upload(server, Buffer.from("no Artifact"))],
];

for (const [code, title, ask] of ANSWERS)
  test(`${title} is refused with ${code}`, async () => {
    const answer = await ask();
    const body = (await answer.json()) as Record<string, unknown>;
    const id = answer.headers.get("x-men-requestid");
    expect([answer.status, body["code"], body["request_id"]]).toEqual([SERVER_ERRORS[code].status, code, id]);
    expect(body["error"]).toContain(SERVER_ERRORS[code].doc);
  });

test("a person without the permission is refused with FORBIDDEN, before anything is read", async () => {
  const person: PersonCaller = {
    ...{ kind: "user", tenant: server.tenant.id, user: randomUUID(), email: "a@example.com", session: randomUUID() },
    ...{ issuedAt: new Date(), mustSetUp: false, pageSecret: undefined, tokenName: undefined, grants: grantsOf([]) },
  };
  const seen: string[] = [];
  const app = await createApp({
    log: pino({ level: "silent" }),
    callers: { device: async () => undefined, person: async () => person },
    routes: [
      (made) => {
        const schema = { body: z.object({ a: z.string() }) };
        const config = { auth: "user", permission: "ReadUsers" } as const;
        made.post("/guarded", { config, schema }, () => seen.push("read"));
      },
    ],
  });
  const headers = { authorization: "Bearer x" };
  const answer = await app.inject({ method: "POST", url: "/guarded", headers, payload: { not: "valid" } });
  expect([answer.statusCode, answer.json().code]).toEqual([SERVER_ERRORS.FORBIDDEN.status, "FORBIDDEN"]);
  expect(answer.json().error).toContain("ReadUsers");
  expect(seen).toEqual([]);
  await app.close();
});

test("a route of people that does not declare its permission is not added", async () => {
  const routes = [(made: App) => void made.get("/open", { config: { auth: "user" } }, () => "")];
  const callers = { device: async () => undefined, person: async () => undefined };
  await expect(createApp({ log: pino({ level: "silent" }), callers, routes })).rejects.toThrow("config.permission");
});

test("a data folder that holds something else is refused with DATABASE_START, and stays as it is", async () => {
  const folder = await mkdtemp(join(tmpdir(), "foreign-"));
  await mkdir(join(folder, "data"));
  await writeFile(join(folder, "data", "thesis.txt"), "mine");
  await expect(startPrivatePostgres({ folder, log: pino({ level: "silent" }) })).rejects.toMatchObject({
    code: "DATABASE_START",
  });
  expect(await readFile(join(folder, "data", "thesis.txt"), "utf8")).toBe("mine");
  await rm(folder, { recursive: true });
});

test("each code of the server is named by a test and listed in the reference", async () => {
  const files = (await filesBelow("test", ".ts")).filter((path) => /server|fleet/.test(path));
  const tests = (await Promise.all(files.map((path) => readFile(path, "utf8")))).join("\n");
  const page = await readFile("docs/reference/server-errors.md", "utf8");
  const codes = Object.keys(SERVER_ERRORS);
  expect(codes.filter((code) => !new RegExp(`\\b${code}\\b`).test(tests))).toEqual([]);
  expect(codes.filter((code) => !page.includes(`| \`${code}\` |`))).toEqual([]);
});

test("what nobody listens to is answered with the same body as everything else", async () => {
  const answer = await server.request("GET", ARTIFACTS.replace("artifacts", "nothing"));
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([404, "NOT_FOUND"]);
});
