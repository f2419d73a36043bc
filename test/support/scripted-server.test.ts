import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { deployment, empty, file, json, redirect, refusal, slowDown, token } from "./answers.ts";
import {
  garbage,
  reset,
  resetInBody,
  resetInHeader,
  slowBody,
  slowHeader,
  stall,
  stallInBody,
  withoutLength,
  wrongLength,
} from "./faults.ts";
import { type Responder, ScriptedServer } from "./scripted-server.ts";
import { selfSigned } from "./self-signed.ts";

const CONTENT = Buffer.from("0123456789");
const NEXT = "/api/devices/v2/deployments/device/deployments/next";

let server: ScriptedServer;
beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(() => server.close());

interface Seen {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  /** Code of the failure that ended the request, or `idle` if nothing arrived for a while. */
  readonly failed?: string;
}

/** Far longer than any answer takes, even on a busy machine. */
const PATIENT_MS = 20_000;
const IDLE_MS = 1000;

/** The view of an ordinary client. */
function ask(
  path: string,
  { method = "GET", headers = {}, body = "", tls = {}, idleMs = PATIENT_MS } = {},
): Promise<Seen> {
  return new Promise((resolve) => {
    const seen: { -readonly [K in keyof Seen]: Seen[K] } = { body: "" };
    const send = server.url.startsWith("https") ? httpsRequest : httpRequest;
    const end = (failed?: string): void => {
      clearTimeout(idle);
      request.destroy();
      resolve({ ...seen, ...(failed !== undefined && { failed }) });
    };
    const request = send(`${server.url}${path}`, { method, headers, agent: false, ...tls }, (response) => {
      seen.status = response.statusCode ?? 0;
      seen.headers = response.headers;
      response.on("data", (chunk: Buffer) => {
        seen.body += chunk.toString();
      });
      response.on("end", () => end());
      response.on("error", (error: NodeJS.ErrnoException) => end(error.code));
    });
    const idle = setTimeout(() => end("idle"), idleMs);
    request.on("error", (error: NodeJS.ErrnoException) => end(error.code));
    request.end(body);
  });
}

describe.each<{ fault: string; answer: Responder; seen: Partial<Seen> }>([
  { fault: "reset", answer: reset, seen: { failed: "ECONNRESET", body: "" } },
  { fault: "reset in the header", answer: resetInHeader, seen: { failed: "ECONNRESET", body: "" } },
  { fault: "reset in the body", answer: resetInBody(CONTENT, 4), seen: { failed: "ECONNRESET", body: "0123" } },
  { fault: "stall", answer: stall, seen: { failed: "idle", body: "" } },
  { fault: "stall in the body", answer: stallInBody(CONTENT, 4), seen: { failed: "idle", body: "0123" } },
  { fault: "slow header", answer: slowHeader(), seen: { failed: "idle", body: "" } },
  { fault: "slow body", answer: slowBody(CONTENT, 3), seen: { status: 200, body: "0123456789" } },
  { fault: "garbage", answer: garbage, seen: { failed: "HPE_INVALID_CONSTANT", body: "" } },
  { fault: "too few bytes", answer: wrongLength(CONTENT, 20), seen: { failed: "ECONNRESET", body: "0123456789" } },
  { fault: "too many bytes", answer: wrongLength(CONTENT, 4), seen: { status: 200 } },
  { fault: "no length", answer: withoutLength(CONTENT), seen: { status: 200, body: "0123456789" } },
])("the fault '$fault'", ({ answer, seen }) => {
  test("looks to a client as it should", async () => {
    server.answer("/file", answer);
    const idleMs = seen.failed === "idle" ? IDLE_MS : PATIENT_MS;
    expect(await ask("/file", { idleMs })).toMatchObject(seen);
  });
});

test("answers come in order, the last one stays, and what has none is not found", async () => {
  server.answer("next", refusal(500), empty(204));
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await ask(NEXT, { method: "POST" })).status);
  expect(statuses).toEqual([500, 204, 204]);
  expect((await ask("/elsewhere")).status).toBe(404);
});

test("every request is recorded with its body, and in a short form", async () => {
  server.answer("auth", token("a.b.c")).answer("status", empty(204));
  const auth = "/prefix/api/devices/v1/authentication/auth_requests";
  expect((await ask(auth, { method: "POST", body: "signed" })).body).toBe("a.b.c");
  await ask("/api/devices/v1/deployments/device/deployments/d1/status", {
    method: "PUT",
    body: '{"status":"success"}',
  });
  await ask("/release.mender");
  expect(server.conversation).toEqual(["auth", "status success", "/release.mender"]);
  expect(server.of("auth").map(({ body }) => body.toString())).toEqual(["signed"]);
});

test("a deployment, a back-off in seconds and one with a date look as servers send them", async () => {
  const until = new Date("2030-01-02T03:04:05Z");
  server.answer("next", deployment("d1", "v2", "http://x/v2.mender"), slowDown(7), slowDown(until));
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await ask(NEXT, { method: "POST" }));
  expect(JSON.parse(answers[0]?.body ?? "")).toMatchObject({
    id: "d1",
    artifact: { source: { uri: "http://x/v2.mender" } },
  });
  expect(answers.map(({ status, headers }) => [status, headers?.["retry-after"]])).toEqual([
    [200, undefined],
    [429, "7"],
    [429, "Wed, 02 Jan 2030 03:04:05 GMT"],
  ]);
});

test("a file comes whole, as a range, and whole in spite of a range", async () => {
  server.answer("/file", file(CONTENT, { etag: '"1"' })).answer("/stubborn", file(CONTENT, { ignoresRanges: true }));
  expect(await ask("/file")).toMatchObject({ status: 200, body: "0123456789", headers: { etag: '"1"' } });
  const range = { headers: { range: "bytes=4-8" } };
  expect(await ask("/file", range)).toMatchObject({
    status: 206,
    body: "45678",
    headers: { "content-range": "bytes 4-8/10" },
  });
  expect(await ask("/stubborn", range)).toMatchObject({ status: 200, body: "0123456789" });
});

test("a redirect names its target", async () => {
  server.answer("/old", redirect("/new", 307)).answer("/new", json(200, "here"));
  expect(await ask("/old")).toMatchObject({ status: 307, headers: { location: "/new" } });
});

test("a server that is down refuses, and comes back at its old address", async () => {
  server.answer("/file", file(CONTENT));
  const { url } = server;
  await server.down();
  expect(await ask("/file")).toMatchObject({ failed: "ECONNREFUSED" });
  await server.up();
  expect(server.url).toBe(url);
  expect(await ask("/file")).toMatchObject({ status: 200 });
  expect(server.connections).toBe(1);
});

describe.each([
  { certificate: "right", made: {}, failed: undefined },
  { certificate: "expired", made: { lastYear: 2021 }, failed: "CERT_HAS_EXPIRED" },
  { certificate: "for another host", made: { address: "127.0.0.2" }, failed: "ERR_TLS_CERT_ALTNAME_INVALID" },
])("over TLS with a certificate that is $certificate", ({ made, failed }) => {
  test("a client that trusts it sees that", async () => {
    await server.close();
    const { key, cert } = selfSigned(made);
    server = await ScriptedServer.start({ key, cert });
    server.answer("/file", file(CONTENT));
    expect((await ask("/file", { tls: { ca: cert } })).failed).toBe(failed);
  });
});
