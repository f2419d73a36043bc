import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentError, describeError } from "../../../src/errors/agent-error.ts";
import { client } from "../../adapters/transport/transport-rig.ts";
import { empty, redirect, refusal, slowDown, token } from "../../support/answers.ts";
import { garbage, reset, stall } from "../../support/faults.ts";
import { type Responder, ScriptedServer } from "../../support/scripted-server.ts";
import { selfSigned } from "../../support/self-signed.ts";
import { serverRig } from "./server-rig.ts";

const signal = new AbortController().signal;

let folder: string;
let servers: ScriptedServer[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-authorization-"));
  servers = [];
});
afterEach(async () => {
  await Promise.all([...servers.map((server) => server.close()), rm(folder, { recursive: true })]);
});

async function start(answer: Responder, tls?: Parameters<typeof ScriptedServer.start>[0]): Promise<ScriptedServer> {
  const server = (await ScriptedServer.start(tls)).answer("auth", answer);
  servers.push(server);
  return server;
}

/** The errors for a device that no server accepts. */
async function failureOf(urls: readonly string[], options: Parameters<typeof serverRig>[2] = {}): Promise<AgentError> {
  const { session } = serverRig(urls, join(folder, "key.pem"), options);
  return await session.authorize(signal).then(accepted, asFailure);
}

const accepted = (): never => expect.unreachable("the device was accepted");
const asFailure = (error: unknown): AgentError => {
  if (error instanceof AgentError) return error;
  throw error;
};

const codesOf = (error: unknown): readonly string[] =>
  error instanceof AgentError ? [error.code, ...codesOf(error.cause)] : [];

test.each<[string, Responder, readonly string[]]>([
  ["refuses it", refusal(401), ["NOT_AUTHORIZED", "SERVER_STATUS"]],
  ["forbids it to ask", refusal(403), ["NOT_AUTHORIZED", "SERVER_STATUS"]],
  ["does not understand it", refusal(400), ["AUTHORIZATION_FAILED", "SERVER_STATUS"]],
  ["is none of devices", empty(404), ["AUTHORIZATION_FAILED", "SERVER_STATUS"]],
  ["sends it elsewhere", redirect("/login"), ["AUTHORIZATION_FAILED", "SERVER_STATUS"]],
  ["is in trouble", refusal(500), ["AUTHORIZATION_FAILED", "SERVER_STATUS"]],
  ["wants to be left alone", slowDown(7), ["AUTHORIZATION_FAILED", "SERVER_STATUS"]],
  ["answers with a page", token("<html> </html>"), ["AUTHORIZATION_FAILED", "SERVER_ANSWER"]],
  ["resets the connection", reset, ["SERVER_UNREACHABLE", "TRANSPORT_FAILED"]],
  ["does not speak HTTP", garbage, ["SERVER_UNREACHABLE", "TRANSPORT_FAILED"]],
])("a device whose server %s is reported as such", async (_what, answer, codes) => {
  expect(codesOf(await failureOf([(await start(answer)).url]))).toEqual(codes);
});

test("a server that does not answer within a minute counts as unreachable", async () => {
  const server = await start(stall);
  const { session, clock } = serverRig([server.url], join(folder, "key.pem"));
  const failed = session.authorize(signal).then(accepted, asFailure);
  await server.asked("auth");
  await clock.pass(60_000);
  expect(codesOf(await failed)).toEqual(["SERVER_UNREACHABLE", "SERVER_TIMEOUT"]);
});

test("an unknown host name and a closed port both count as an unreachable server", async () => {
  const gone = await start(token("t1"));
  await gone.down();
  for (const url of ["http://no..host", gone.url]) {
    const error = await failureOf([url]);
    expect(codesOf(error)).toEqual(["SERVER_UNREACHABLE", "TRANSPORT_FAILED"]);
    expect(describeError(error)).toMatch(/^SERVER_UNREACHABLE: No server can be reached.*(ENOTFOUND|ECONNREFUSED)/);
  }
});

test("a server whose certificate is not trusted, or has expired, counts as unreachable", async () => {
  const [expired, another] = [selfSigned({ lastYear: 2021 }), selfSigned()];
  const serverCertificate = join(folder, "trusted.pem");
  await writeFile(serverCertificate, expired.cert);
  const transport = client({ tls: { serverCertificate } });
  for (const tls of [expired, another]) {
    const { url } = await start(token("t1"), tls);
    expect(codesOf(await failureOf([url], { transport }))).toEqual(["SERVER_UNREACHABLE", "TRANSPORT_FAILED"]);
  }
});

test("of several servers the one that refuses is reported, or else one that answers, in any order", async () => {
  const [refusing, troubled, deaf] = [await start(refusal(401)), await start(refusal(503)), await start(reset)];
  for (const order of [
    [refusing, troubled, deaf],
    [deaf, troubled, refusing],
  ])
    expect((await failureOf(order.map(({ url }) => url))).code).toBe("NOT_AUTHORIZED");
  for (const order of [
    [troubled, deaf],
    [deaf, troubled],
  ])
    expect((await failureOf(order.map(({ url }) => url))).code).toBe("AUTHORIZATION_FAILED");
});

test("a server that asks for a pause gets it, whatever the other servers say", async () => {
  const [busy, refusing, deaf] = [await start(slowDown(7)), await start(refusal(401)), await start(reset)];
  const error = await failureOf([busy.url, refusing.url, deaf.url]);
  expect([error.code, error.detail]).toEqual(["NOT_AUTHORIZED", { retryAfterMs: 7_000 }]);
});

for (const status of [201, 202, 206]) {
  test(`a token in an answer with status ${status} is ignored`, async () => {
    const { url } = await start(({ response }) => void response.writeHead(status).end("t1"));
    expect(codesOf(await failureOf([url]))).toEqual(["AUTHORIZATION_FAILED", "SERVER_STATUS"]);
  });
}
