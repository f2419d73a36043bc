import { once } from "node:events";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeDevice } from "../../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";

const UPLOAD = "/api/management/v1/deployments/artifacts";
const SETTINGS = "/api/management/v1/useradm/settings";
const AUTH = "/api/devices/v1/authentication/auth_requests";
const LOGIN = "/api/management/v1/useradm/auth/login";
const BOUNDARY = "a-boundary";
/** A body must bring so much in so short a time, so that a slow one is refused soon. */
const PATIENCE = { periodMs: 400, bytes: 64 };

let server: TestServer;
let port: number;
let device: string;
beforeAll(async () => {
  server = await startTestServer({ patience: PATIENCE });
  port = Number(new URL(server.url).port);
  const made = await makeDevice(server);
  const claims = { jti: made.set, sub: made.device, tenant: server.tenant.id, kind: "device" } as const;
  device = await server.server.services.tokens.sign(claims, 600);
});
afterAll(() => server.close());

/** All that comes on a connection until the server closes it. */
async function everything(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += String(chunk);
  });
  socket.on("error", () => undefined); // ignored: a reset is an end, too.
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

const SLOW = [
  ["settings", "POST", SETTINGS, "application/json", "user"],
  ["an authentication request", "POST", AUTH, "application/json", "none"],
  ["a login", "POST", LOGIN, "application/json", "none"],
  ["an inventory", "PUT", "/api/devices/v1/inventory/device/attributes", "application/json", "device"],
  ["an upload", "POST", UPLOAD, `multipart/form-data; boundary=${BOUNDARY}`, "user"],
  ["a body that nobody reads", "GET", "/healthz", "application/json", "none"],
] as const;

for (const [title, method, path, type, kind] of SLOW)
  test(`${title} that comes byte by byte is ended`, async () => {
    const socket = connect(port, "127.0.0.1");
    const ended = everything(socket);
    const bearer = { user: server.token, device, none: "" }[kind];
    socket.write(
      `${method} ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: 16000\r\n` +
        `${bearer === "" ? "" : `authorization: Bearer ${bearer}\r\n`}x-men-signature: AAAA\r\n\r\n`,
    );
    const drip = setInterval(() => socket.writable && socket.write(" "), 20);
    const text = await ended;
    clearInterval(drip);
    expect(text, title).toMatch(title === "a body that nobody reads" ? /^HTTP\/1\.1 200/ : /^HTTP\/1\.1 (?:408|401)/);
    if (text.startsWith("HTTP/1.1 408")) expect(text).toContain("REQUEST_TIMEOUT");
  });

test("a body that comes steadily takes as long as it needs", async () => {
  const body = JSON.stringify({ a: "x".repeat(2000) });
  const answer = await new Promise<number>((resolve, reject) => {
    const sent = request(
      {
        port,
        method: "POST",
        path: SETTINGS,
        headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
      },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    ).once("error", reject);
    void (async () => {
      for (let at = 0; at < body.length; at += 100) {
        sent.write(body.slice(at, at + 100));
        await sleep(PATIENCE.periodMs / 8);
      }
      sent.end();
    })();
  });
  expect(answer).toBe(201);
});

test("headers that come byte by byte are ended", async () => {
  const impatient = await startTestServer({ isMeasured: true, headersTimeout: 200 });
  for (const url of [impatient.url, impatient.localUrl ?? ""]) {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    const ended = everything(socket);
    socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\n");
    const drip = setInterval(() => socket.writable && socket.write("a"), 20);
    expect(await ended).toMatch(/^HTTP\/1\.1 408/);
    clearInterval(drip);
  }
  await impatient.close();
});

test("headers that are too many or too large are refused", async () => {
  for (const [title, headers] of [
    ["large", `x-large: ${"a".repeat(70_000)}\r\n`],
    ["many", "x: y\r\n".repeat(20_000)],
  ] as const) {
    const socket = connect(port, "127.0.0.1");
    const ended = everything(socket);
    socket.write(`GET /healthz HTTP/1.1\r\nhost: x\r\n${headers}\r\n`);
    expect(await ended, title).toMatch(/^HTTP\/1\.1 431/);
  }
});

/** A form that is made up while it is sent, and that never ends by itself. */
async function endless(
  part: (at: number) => string,
  path = UPLOAD,
  head = "",
): Promise<{ status: number; sent: number }> {
  const socket = connect(port, "127.0.0.1");
  const ended = everything(socket);
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.token}\r\ntransfer-encoding: chunked\r\n` +
      `content-type: multipart/form-data; boundary=${BOUNDARY}\r\n\r\n${chunk(head)}`,
  );
  let sent = 0;
  for (let at = 0; !socket.destroyed && sent < 64 * 1024 ** 2; at += 1) {
    const text = part(at);
    sent += text.length;
    if (!socket.write(chunk(text))) await Promise.race([once(socket, "drain"), ended]).catch(() => undefined); // ignored: it was closed.
    if (at % 16 === 0) await new Promise(setImmediate);
    if (socket.readableEnded || socket.bytesRead > 0) break;
  }
  socket.end();
  const text = await ended;
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), sent };
}

const chunk = (text: string): string => (text === "" ? "" : `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
const field = (name: string, value: string): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;

for (const [title, part, head] of [
  ["more parts than any client sends", (at: number) => field(`field-${at}`, "x"), ""],
  [
    "a field that does not end",
    () => "x".repeat(16_384),
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n\r\n`,
  ],
  ["names that are huge", (at: number) => field("n".repeat(20_000) + at, "x"), ""],
  ["headers of a part that do not end", () => `x-header: ${"y".repeat(1000)}\r\n`, `--${BOUNDARY}\r\n`],
  ["the same field again and again", () => field("description", "x".repeat(1000)), ""],
  ["no part at all", () => "-".repeat(16_384), ""],
] as const)
  for (const path of [UPLOAD, `${UPLOAD}/generate`])
    test(`a form with ${title} is refused by ${path.slice(-9)}`, async () => {
      const { status } = await endless(part, path, head);
      expect([400, 408, 413]).toContain(status);
      expect((await server.request("GET", "/healthz")).status).toBe(200);
    });

test("a body without an end is refused as soon as it is too large", async () => {
  for (const [path, headers] of [
    [SETTINGS, `authorization: Bearer ${server.token}\r\n`],
    [AUTH, "x-men-signature: AAAA\r\n"],
    [LOGIN, ""],
  ] as const) {
    const socket = connect(port, "127.0.0.1");
    const ended = everything(socket);
    socket.write(
      `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n${headers}\r\n`,
    );
    // Whoever goes on sending may not hear why the connection was closed.
    for (let at = 0; at < 400 && socket.bytesRead === 0 && !socket.destroyed; at += 1) {
      socket.write(chunk("x".repeat(8192)));
      await sleep(2);
    }
    expect(await ended, path).toMatch(/^HTTP\/1\.1 413/);
  }
});
