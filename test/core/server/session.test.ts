import { verify } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ServerRequest } from "../../../src/core/server/exchange.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { Transport } from "../../../src/ports/transport.ts";
import { client } from "../../adapters/transport/transport-rig.ts";
import { empty, refusal, slowDown, token } from "../../support/answers.ts";
import { garbage, reset, resetInBody, resetInHeader, slowHeader, stall, withoutLength } from "../../support/faults.ts";
import { type Responder, ScriptedServer } from "../../support/scripted-server.ts";
import { type ServerRig, serverRig, TestMemo } from "./server-rig.ts";

const signal = new AbortController().signal;
const NEXT: ServerRequest = { method: "POST", path: "/api/devices/v2/deployments/device/deployments/next", body: "{}" };
const withCode = (code: string) => expect.objectContaining({ code });

let folder: string;
let server: ScriptedServer;
let other: ScriptedServer;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-session-"));
  server = (await ScriptedServer.start()).answer("auth", token("t1")).answer("next", empty(204));
  other = (await ScriptedServer.start()).answer("auth", token("other")).answer("next", empty(204));
});
afterEach(async () => {
  await Promise.all([server.close(), other.close(), rm(folder, { recursive: true })]);
});

const rig = (servers = [server.url], options = {}): ServerRig => serverRig(servers, join(folder, "key.pem"), options);

test("the first request authorises, with a signature over the very bytes that were sent", async () => {
  const { session } = rig([server.url], { tenantToken: "tenant" });
  expect((await session.send(NEXT, signal)).status).toBe(204);
  expect(server.conversation).toEqual(["auth", "next"]);
  const [auth] = server.of("auth");
  const { pubkey, ...rest } = JSON.parse(auth?.body.toString() ?? "");
  expect(rest).toEqual({ id_data: '{"mac":"00:11:22:33:44:55"}', tenant_token: "tenant" });
  expect(pubkey).toMatch(/^-----BEGIN PUBLIC KEY-----\n.*\n-----END PUBLIC KEY-----\n$/s);
  const signature = Buffer.from(String(auth?.headers["x-men-signature"]), "base64");
  expect(verify(null, auth?.body ?? Buffer.alloc(0), pubkey, signature)).toBe(true);
  expect(auth?.headers).toMatchObject({ "content-type": "application/json", "user-agent": "Switchback/1.2.3" });
  expect(server.of("next")[0]?.headers).toMatchObject({ authorization: "Bearer t1", "content-length": "2" });
});

test("if the token cannot be stored, the device still talks to its server, and reports it", async () => {
  const { session, storedValue, logged } = rig();
  storedValue.isFull = true;
  server.answer("next", empty(204), refusal(401), empty(204));
  for (let time = 0; time < 3; time++) expect((await session.send(NEXT, signal)).status).toBeLessThan(300);
  expect(server.conversation).toEqual(["auth", "next", "next", "auth", "next", "next"]);
  expect(logged).toContainEqual(expect.stringMatching(/^warning: Cannot store the token, .*STORE_WRITE/));
});

test("a tenant token that is empty is left out", async () => {
  await rig().session.authorize(signal);
  expect(JSON.parse(server.of("auth")[0]?.body.toString() ?? "")).not.toHaveProperty("tenant_token");
});

test("the token serves until it is refused, also in the next process, and is then replaced once", async () => {
  const storedValue = new TestMemo();
  await rig([server.url], { storedValue }).session.send(NEXT, signal);
  server.answer("auth", token("t2")).answer("next", empty(204), refusal(401), empty(204));
  const { session } = rig([server.url], { storedValue });
  await session.send(NEXT, signal);
  await session.send(NEXT, signal);
  expect(server.conversation).toEqual(["auth", "next", "next", "next", "auth", "next"]);
  expect(server.of("next").map(({ headers }) => headers.authorization)).toEqual([
    "Bearer t1",
    "Bearer t1",
    "Bearer t1",
    "Bearer t2",
  ]);
});

test("a server that refuses every token is asked no more than twice", async () => {
  server.answer("next", refusal(401));
  const { session } = rig();
  await expect(session.send(NEXT, signal)).rejects.toThrow(withCode("SERVER_STATUS"));
  expect(server.conversation).toEqual(["auth", "next"]);
  await session.authorize(signal);
  await expect(session.send(NEXT, signal)).rejects.toThrow(withCode("SERVER_STATUS"));
  expect(server.conversation.slice(2)).toEqual(["auth", "next", "auth", "next"]);
});

test("a device that is not accepted has no token, and gets the reason", async () => {
  server.answer("auth", refusal(401, "dev auth: unauthorized"));
  const { session, storedValue, logged } = rig();
  await expect(session.send(NEXT, signal)).rejects.toThrow(withCode("NOT_AUTHORIZED"));
  expect(server.conversation).toEqual(["auth"]);
  expect(storedValue.content).toBeUndefined();
  expect(logged.join()).toContain("reason=dev auth: unauthorized");
});

describe("with several servers", () => {
  test.each<[string, Responder]>([
    ["refuses the device", refusal(401)],
    ["is in trouble", refusal(503)],
    ["resets the connection", reset],
    ["answers with nothing", empty(200)],
  ])("a server that %s is skipped, and the next one is kept", async (_what, answer) => {
    server.answer("auth", answer);
    const { session, storedValue } = rig([server.url, other.url]);
    await session.send(NEXT, signal);
    await session.send(NEXT, signal);
    expect([server.conversation, other.conversation]).toEqual([["auth"], ["auth", "next", "next"]]);
    expect(storedValue.content).toMatchObject({ server: other.url, token: "other" });
  });

  test("a server that goes away later is replaced by the next one in order", async () => {
    const { session, storedValue } = rig([server.url, other.url]);
    await session.send(NEXT, signal);
    await server.down();
    expect((await session.send(NEXT, signal)).status).toBe(204);
    expect(other.conversation).toEqual(["auth", "next"]);
    expect(storedValue.content).toMatchObject({ server: other.url });
  });

  test("is asked when the proxy refuses to connect to the first, as for any other trouble that passes", async () => {
    for (const code of ["TRANSPORT_PROXY", "SERVER_TIMEOUT", "TRANSPORT_FAILED"] as const) {
      const real = client();
      let isRefused = false;
      const transport: Transport = {
        ...real,
        async send(request, until) {
          if (isRefused && request.url.startsWith(server.url)) throw new AgentError(code, { status: 503 });
          return await real.send(request, until);
        },
      };
      const { session, storedValue } = rig([server.url, other.url], { transport });
      await session.send(NEXT, signal);
      isRefused = true;
      expect((await session.send(NEXT, signal)).status).toBe(204);
      expect(storedValue.content).toMatchObject({ server: other.url });
    }
  });

  test("a token of a server that is no longer configured does not count", async () => {
    const storedValue = new TestMemo();
    await rig([other.url], { storedValue }).session.send(NEXT, signal);
    await rig([server.url], { storedValue }).session.send(NEXT, signal);
    expect(server.conversation).toEqual(["auth", "next"]);
  });
});

test("what could not be read once is read again", async () => {
  const storedValue = new TestMemo();
  await rig([server.url], { storedValue }).session.send(NEXT, signal);
  const { session } = rig([server.url], { storedValue });
  storedValue.isBroken = true;
  await expect(session.send(NEXT, signal)).rejects.toThrow(withCode("STORE_READ"));
  storedValue.isBroken = false;
  expect((await session.send(NEXT, signal)).status).toBe(204);
  expect(server.conversation).toEqual(["auth", "next", "next"]);
});

test("a single server that goes away is a failure, and the token stays", async () => {
  const { session, storedValue } = rig();
  await session.send(NEXT, signal);
  await server.down();
  await expect(session.send(NEXT, signal)).rejects.toThrow(withCode("TRANSPORT_FAILED"));
  expect(storedValue.content).toMatchObject({ token: "t1" });
});

test.each<[string, Responder]>([
  ["a reset", reset],
  ["a reset in the header", resetInHeader],
  ["a reset in the body", resetInBody(Buffer.alloc(100), 10)],
  ["garbage", garbage],
])("%s instead of an answer is a failed transfer", async (_what, answer) => {
  server.answer("next", answer);
  await expect(rig().session.send(NEXT, signal)).rejects.toThrow(withCode("TRANSPORT_FAILED"));
});

test.each<[string, Responder]>([
  ["never comes", stall],
  ["drips", slowHeader(5)],
])("an answer that %s is given up after a minute", async (_what, answer) => {
  server.answer("next", answer);
  const { session, clock } = rig();
  await session.authorize(signal);
  const sent = session.send(NEXT, signal).then(String, (error) => error.code);
  await server.asked("next");
  await clock.pass(59_000);
  expect(await Promise.race([sent, Promise.resolve("waits")])).toBe("waits");
  await clock.pass(1_000);
  expect(await sent).toBe("SERVER_TIMEOUT");
});

test("a request that is cancelled ends with the reason", async () => {
  server.answer("next", stall);
  const stop = new AbortController();
  const sent = rig().session.send(NEXT, stop.signal);
  await server.asked("next");
  stop.abort(new Error("enough"));
  await expect(sent).rejects.toThrow("enough");
});

test("of an endless answer no more than a mebibyte is taken", async () => {
  server.answer("next", withoutLength(Buffer.alloc(2 * 1024 * 1024, "x")));
  expect((await rig().session.send(NEXT, signal)).text.length).toBe(1024 * 1024);
});

test("a server that is asked too often says for how long it wants to be left alone", async () => {
  server.answer("next", slowDown(7)).answer("auth", slowDown(9), token("t1"));
  const { session } = rig();
  await expect(session.send(NEXT, signal)).rejects.toThrow(
    expect.objectContaining({ detail: { retryAfterMs: 9_000 } }),
  );
  expect((await session.send(NEXT, signal)).retryAfterMs).toBe(7_000);
});

test("a new authorisation forgets which inventory the server has", async () => {
  const { session, storedValue } = rig();
  await session.authorize(signal);
  await session.update({ inventoryHash: "h" });
  expect(storedValue.content).toMatchObject({ inventoryHash: "h" });
  await session.authorize(signal);
  expect(storedValue.content).not.toHaveProperty("inventoryHash");
});

test.each(["", "{", "[]", '{"version":2}', '{"version":1,"token":5}', '{"version":1,"due":{"boot":"b"}}'])(
  "what is kept between two polls is thrown away when it is damaged: %j",
  async (text) => {
    const storedValue = new TestMemo();
    storedValue.text = text;
    await rig([server.url], { storedValue }).session.send(NEXT, signal);
    expect(server.conversation).toEqual(["auth", "next"]);
    expect(storedValue.content).toEqual({ version: 1, server: server.url, token: "t1" });
  },
);
