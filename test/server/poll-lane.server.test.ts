import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hasAnswers, type Parts, sendRaw } from "../support/server/raw-requests.ts";
import { makeDevice } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const NEXT = "/api/devices/v2/deployments/device/deployments/next";
const FACTS = '{"device_provides":{"artifact_name":"release-1","device_type":"board-1"}}';

let server: TestServer;
/** The same app without the lane. */
let fastify: Server;
let fastifyUrl: string;
let token: string;
let taken = 0;

beforeAll(async () => {
  server = await startTestServer({ isMeasured: true });
  const { app, lane, services } = server.server;
  fastify = createServer({ keepAliveTimeout: 72_000, requestTimeout: 0 }, app.routing).listen(0, "127.0.0.1");
  await once(fastify, "listening");
  fastifyUrl = `http://127.0.0.1:${(fastify.address() as AddressInfo).port}`;
  const { device, set } = await makeDevice(server);
  token = await services.tokens.sign({ jti: set, sub: device, tenant: server.tenant.id, kind: "device" }, 3600);
  lane.onAnswer(() => {
    taken += 1;
  });
});
afterAll(async () => {
  fastify.close();
  await server.close();
});

interface Form {
  readonly line?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
}

/** A request as devices send it, with changes. */
function ask({ line = `POST ${NEXT} HTTP/1.1`, headers = {}, body = FACTS }: Form = {}): string {
  const all = {
    ...{ host: "x", "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) },
    ...{ authorization: `Bearer ${token}`, ...headers },
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\r\n`]));
  return `${line}\r\n${lines.join("")}\r\n${body}`;
}

/** Two halves that arrive one after the other. */
function halves(text: string, at: number): Parts {
  return [text.slice(0, at), text.slice(at)];
}

interface Case {
  readonly title: string;
  readonly parts: () => Parts;
  /** How many answers are expected, and how many of them the lane gives. */
  readonly answers?: number;
  readonly lane: number;
}

const chunked = (body: string): string => `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n`;

const CASES: readonly Case[] = [
  { title: "a poll", parts: () => [ask()], lane: 1 },
  { title: "a poll that ends its connection", parts: () => [ask({ headers: { connection: "close" } })], lane: 1 },
  { title: "a poll with more headers", parts: () => [ask({ headers: { "user-agent": "a", accept: "*/*" } })], lane: 1 },
  { title: "a small word for Bearer", parts: () => [ask({ headers: { authorization: `bearer ${token}` } })], lane: 0 },
  { title: "two polls at once", parts: () => [ask() + ask()], answers: 2, lane: 2 },
  {
    title: "three polls at once, the second without a token",
    parts: () => [ask() + ask({ headers: { authorization: undefined } }) + ask()],
    answers: 3,
    lane: 2,
  },
  {
    title: "a poll behind another request",
    parts: () => [`GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n${ask()}`],
    answers: 2,
    lane: 1,
  },
  {
    title: "a poll, then garbage",
    parts: () => [ask(), "garbage\r\n\r\n"],
    answers: 2,
    lane: 1,
  },
  { title: "a body behind its headers", parts: () => halves(ask(), ask().length - FACTS.length), lane: 0 },
  { title: "a body in two pieces", parts: () => halves(ask(), ask().length - 10), lane: 0 },
  { title: "headers in two pieces", parts: () => halves(ask(), 40), lane: 1 },
  {
    title: "a body in chunks",
    parts: () => [
      ask({ headers: { "transfer-encoding": "chunked", "content-length": undefined }, body: chunked(FACTS) }),
    ],
    lane: 0,
  },
  { title: "a body that is awaited", parts: () => [ask({ headers: { expect: "100-continue" } })], lane: 0 },
  { title: "another expectation", parts: () => [ask({ headers: { expect: "x" } })], lane: 0 },
  { title: "HTTP/1.0", parts: () => [ask({ line: `POST ${NEXT} HTTP/1.0` })], lane: 0 },
  { title: "a slash at the end", parts: () => [ask({ line: `POST ${NEXT}/ HTTP/1.1` })], lane: 0 },
  { title: "a query", parts: () => [ask({ line: `POST ${NEXT}?a=b HTTP/1.1` })], lane: 0 },
  { title: "the whole URL", parts: () => [ask({ line: `POST http://x${NEXT} HTTP/1.1` })], lane: 0 },
  ...["GET", "HEAD", "PUT", "OPTIONS"].map((method) => ({
    title: method,
    parts: () => [ask({ line: `${method} ${NEXT} HTTP/1.1`, headers: { connection: "close" } })],
    lane: 0,
  })),
  {
    title: "a type with a charset",
    parts: () => [ask({ headers: { "content-type": "application/json; charset=utf-8" } })],
    lane: 0,
  },
  { title: "no type", parts: () => [ask({ headers: { "content-type": undefined } })], lane: 0 },
  { title: "another type", parts: () => [ask({ headers: { "content-type": "text/plain" } })], lane: 0 },
  { title: "no length", parts: () => [ask({ headers: { "content-length": undefined }, body: "" })], lane: 0 },
  { title: "no body", parts: () => [ask({ body: "" })], lane: 0 },
  {
    title: "a long body",
    parts: () => [ask({ body: FACTS.replace("release-1", "x".repeat(1020)).padEnd(5000) })],
    lane: 0,
  },
  { title: "a body that is too long", parts: () => [ask({ headers: { "content-length": "2000000" } })], lane: 0 },
  { title: "no JSON", parts: () => [ask({ body: "{" })], lane: 0 },
  { title: "JSON that says nothing", parts: () => [ask({ body: "{}" })], lane: 0 },
  { title: "bytes that are no text", parts: () => [ask({ body: '{"device_provides":"\ud800"}' })], lane: 0 },
  {
    title: "an empty name, twice",
    parts: () => {
      const one = ask({ body: '{"device_provides":{"artifact_name":"","device_type":"b"}}' });
      return [one + one];
    },
    answers: 2,
    lane: 0,
  },
  { title: "no token", parts: () => [ask({ headers: { authorization: undefined } })], lane: 0 },
  { title: "a token of another kind", parts: () => [ask({ headers: { authorization: "Basic abc" } })], lane: 0 },
  {
    title: "a token of a person",
    parts: () => [ask({ headers: { authorization: `Bearer ${server.token}` } })],
    lane: 0,
  },
  {
    title: "a changed token",
    parts: () => [ask({ headers: { authorization: `Bearer ${token.slice(0, -4)}AAAA` } })],
    lane: 0,
  },
  {
    title: "two tokens, the first of which counts",
    parts: () => [ask({ line: `POST ${NEXT} HTTP/1.1\r\nauthorization: Bearer abc` })],
    lane: 0,
  },
  { title: "the other version", parts: () => [ask({ line: `POST ${NEXT.replace("v2", "v1")} HTTP/1.1` })], lane: 0 },
];

/** What must be the same in both lanes: all but times and ids. */
const comparable = (text: string): string =>
  text.replaceAll(/^date: .*$/gim, "Date").replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID");

for (const { title, parts, answers = 1, lane } of CASES)
  test(`${title}: the lane and Fastify give the same answer`, async () => {
    const isOver = (text: string): boolean => hasAnswers(text, answers);
    // The first poll makes the token and the body known.
    expect(await sendRaw(server.url, [ask()], (text) => hasAnswers(text, 1))).toMatch(/^HTTP\/1\.1 204/);
    const expected = await sendRaw(fastifyUrl, parts(), isOver);
    taken = 0;
    const given = await sendRaw(server.url, parts(), isOver);
    expect(comparable(given)).toBe(comparable(expected));
    expect(taken).toBe(lane);
    const ids = given.match(/^x-men-requestid: .*$/gim) ?? [];
    expect(new Set(ids).size).toBe(ids.length);
  });

test("a new body is answered by Fastify, which finds it whole, and then by the lane", async () => {
  const poll = ask({ body: FACTS.replace("release-1", "größer") });
  for (const lane of [0, 1]) {
    taken = 0;
    expect(await sendRaw(server.url, [poll], (text) => hasAnswers(text, 1))).toMatch(/^HTTP\/1\.1 204/);
    expect(taken).toBe(lane);
  }
});
