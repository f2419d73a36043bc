import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Random } from "../../../qemu/harness/random.ts";
import { openDownload } from "../../../src/core/install/download.ts";
import { client } from "../../adapters/transport/transport-rig.ts";
import { file } from "../../support/answers.ts";
import { type Responder, ScriptedServer } from "../../support/scripted-server.ts";
import { createVirtualClock, type VirtualClock } from "../../support/virtual-clock.ts";

const WHOLE = new Random(8).fill(Buffer.alloc(300_000));
const IDLE_MS = 300_000;
const WAIT_MS = 60_000;
const ALMOST_IDLE_MS = IDLE_MS - 1_000;

let server: ScriptedServer;
let clock: VirtualClock;
let logged: string[];
let received: Buffer[];
/** The first answer, of which the test sends what it wants. */
let answer: ServerResponse;

beforeEach(async () => {
  server = await ScriptedServer.start();
  clock = createVirtualClock();
  logged = [];
  received = [];
});
afterEach(() => server.close());

/** Downloads from a server whose first answer is the test's, and whose others are right. */
async function start(limits = {}, headers: Record<string, string | number> = { "content-length": WHOLE.length }) {
  server.answer(
    "/v2.mender",
    ({ response }) => {
      answer = response.writeHead(200, { etag: '"1"', ...headers });
      answer.flushHeaders();
    },
    file(WHOLE, { etag: '"1"' }),
  );
  const parts = {
    transport: client({ idleMs: IDLE_MS, clock }),
    clock,
    log: (level: string, message: string) => void logged.push(`${level}: ${message}`),
    limits: {
      ...{ retryDownloadCount: 10, retryDownloadWaitMs: WAIT_MS },
      slowest: { bytesPerSecond: 100, overMs: 2 * IDLE_MS },
      ...limits,
    },
  };
  const download = await openDownload({ uri: `${server.url}/v2.mender` }, parts, new AbortController().signal);
  const reading = (async () => {
    const chunk = Buffer.alloc(10_000);
    for (let count = await download.read(chunk); count > 0; count = await download.read(chunk))
      received.push(Buffer.from(chunk.subarray(0, count)));
    await download.close();
    return "read";
  })().catch((error: unknown) => error);
  return { reading, download };
}

const count = (): number => Buffer.concat(received).length;

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Sends the bytes up to `end`, and lets the time pass when they have arrived. */
async function send(end: number, thenMs: number): Promise<void> {
  answer.write(WHOLE.subarray(count(), end));
  await until(() => count() === end);
  await clock.pass(thenMs);
}

const ranges = (): readonly unknown[] => server.of("/v2.mender").map(({ headers }) => headers.range);

/** A byte now and then, for twice the idle timeout. */
async function drip(): Promise<void> {
  for (const byte of [1, 2]) await send(byte, ALMOST_IDLE_MS);
  expect(logged).toEqual([]);
  await send(3, 2 * (IDLE_MS - ALMOST_IDLE_MS));
}

/** Its headers are correct, but its body ends too early. */
const tooShort: Responder = ({ response }) =>
  void response.writeHead(206, { "content-range": "bytes 3-299999/300000" }).end(WHOLE.subarray(3, 1_000));

test("a body that arrives too slowly is dropped after twice the idle timeout, and resumes by Range", async () => {
  const { reading, download } = await start();
  server.answer("/v2.mender", tooShort, file(WHOLE, { etag: '"1"' }));
  await drip();
  await until(() => logged.length > 0);
  expect(logged).toEqual([expect.stringMatching(/at byte 3; .*TRANSPORT_FAILED: .*reason=too slow, bytesPerSecond=0/)]);
  await clock.pass(WAIT_MS);
  await until(() => logged.length > 1);
  await clock.pass(WAIT_MS);
  expect(await reading).toBe("read");
  expect([ranges(), download.resumes]).toEqual([[undefined, "bytes=3-299999", "bytes=1000-299999"], 0]);
  expect(Buffer.concat(received).equals(WHOLE)).toBe(true);
  expect(clock.waiting).toBe(0);
});

test("such a break counts as any other", async () => {
  const { reading } = await start({ retryDownloadCount: 0 });
  await drip();
  expect(await reading).toMatchObject({
    ...{ code: "DOWNLOAD_BROKEN", detail: { byte: 3, resumes: 0 } },
    cause: { code: "TRANSPORT_FAILED", detail: { reason: "too slow" } },
  });
});

test("a link that is as slow as the slowest there are, with long silences, carries the whole", async () => {
  const { reading, download } = await start();
  for (let end = 30_000; end <= WHOLE.length; end += 30_000) await send(end, ALMOST_IDLE_MS);
  expect([await reading, logged, download.resumes]).toEqual(["read", [], 0]);
});

/** Lets the time pass that a device takes which holds itself back. */
async function comeTo(end: number): Promise<void> {
  while (count() < end) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    await clock.pass(WAIT_MS / 6);
  }
}

test("a device that takes its time, for its operator wants it so, has no slow server", async () => {
  const { reading, download } = await start({ bytesPerSecond: 50 });
  // Seven tenths of the first ten minutes' bytes, and then nothing for the rest of them.
  answer.write(WHOLE.subarray(0, 17_500));
  await comeTo(17_500);
  await clock.pass(2 * IDLE_MS + 1_000 - clock.nowMs());
  answer.end(WHOLE.subarray(17_500));
  await comeTo(WHOLE.length);
  await clock.pass(IDLE_MS);
  expect([await reading, logged, download.resumes]).toEqual(["read", [], 0]);
});

test("with 0 as the least, a body may drip", async () => {
  const { reading } = await start({ slowest: { bytesPerSecond: 0, overMs: 2 * IDLE_MS } });
  for (let byte = 1; byte <= 6; byte++) await send(byte, ALMOST_IDLE_MS);
  answer.end(WHOLE.subarray(6));
  expect([await reading, logged]).toEqual(["read", []]);
});

test("bytes that are none of the body's do not count", async () => {
  const { reading } = await start({}, { "transfer-encoding": "chunked" });
  for (let byte = 0; byte < 3; byte++) {
    answer.socket?.write("0");
    await new Promise((resolve) => setTimeout(resolve, 20));
    await clock.pass(250_000);
  }
  expect(await reading).toMatchObject({ code: "TRANSPORT_FAILED", detail: { reason: "too slow", bytesPerSecond: 0 } });
});
