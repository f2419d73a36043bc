import { afterEach, beforeEach, expect, test } from "vitest";
import { Random } from "../../../qemu/harness/random.ts";
import { type Download, type DownloadStart, openDownload } from "../../../src/core/install/download.ts";
import type { DownloadParts } from "../../../src/core/install/download-parts.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { Transport } from "../../../src/ports/transport.ts";
import { client } from "../../adapters/transport/transport-rig.ts";
import { FileServer } from "../../support/file-server.ts";
import { createVirtualClock, type VirtualClock } from "../../support/virtual-clock.ts";

const WHOLE = new Random(7).fill(Buffer.alloc(300_000));
const MINUTE_MS = 60_000;
const SLOWEST = { bytesPerSecond: 100, overMs: 10 * MINUTE_MS };

let server: FileServer;
let clock: VirtualClock;
let logged: string[];
let signal: AbortSignal;
const abort: { now?: AbortController } = {};

beforeEach(async () => {
  server = await FileServer.start(WHOLE);
  clock = createVirtualClock();
  logged = [];
  abort.now = new AbortController();
  signal = abort.now.signal;
});
afterEach(() => server.close());

const open = (
  from: { uri: string } | DownloadStart = { uri: server.url },
  limits = {},
  other: Partial<DownloadParts> = {},
): Promise<Download> =>
  openDownload(
    from,
    {
      transport: client(),
      clock,
      log: (level, message) => void logged.push(`${level}: ${message}`),
      random: () => 1,
      limits: { retryDownloadCount: 10, retryDownloadWaitMs: MINUTE_MS, slowest: SLOWEST, ...limits },
      ...other,
    },
    signal,
  );

async function readAll(download: Download): Promise<Buffer> {
  const parts: Buffer[] = [];
  const chunk = Buffer.alloc(10_000);
  for (let count = await download.read(chunk); count > 0; count = await download.read(chunk))
    parts.push(Buffer.from(chunk.subarray(0, count)));
  return Buffer.concat(parts);
}

/** Lets minutes pass until `work` ends. @returns how many minutes began */
async function passing<T>(work: Promise<T>): Promise<{ result: PromiseSettledResult<T>; minutes: number }> {
  let minutes = 0;
  let done = false;
  const settled = Promise.allSettled([work]).finally(() => {
    done = true;
  });
  for (let waits = logged.length; !done; ) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (logged.length === waits) continue;
    waits = logged.length;
    minutes += 1;
    await clock.pass(MINUTE_MS);
  }
  return { result: (await settled)[0], minutes };
}

test("a source that does not break is asked for once, without a range", async () => {
  const download = await open();
  expect((await readAll(download)).equals(WHOLE)).toBe(true);
  expect(download.facts).toEqual({ lengthBytes: 300_000, etag: '"1"' });
  expect(server.served).toEqual([{ range: undefined, ifRange: undefined, status: 200, bytes: 300_000 }]);
});

test("breaks are waited out, and nothing is fetched twice", async () => {
  server.breaks.push(100_000, 1, 50_000);
  const { result, minutes } = await passing(open().then(readAll));
  expect(result).toMatchObject({ status: "fulfilled" });
  expect(result.status === "fulfilled" && result.value.equals(WHOLE)).toBe(true);
  expect(minutes).toBe(3);
  expect(server.served.map(({ range, ifRange, status }) => [range, ifRange, status])).toEqual([
    [undefined, undefined, 200],
    ["bytes=100000-299999", '"1"', 206],
    ["bytes=100001-299999", '"1"', 206],
    ["bytes=150001-299999", '"1"', 206],
  ]);
  expect(server.servedBytes).toBe(300_000);
  expect(logged[0]).toMatch(/^warning: The download broke off at byte 100000; resuming in 1000 ms: TRANSPORT_FAILED: /);
});

test("a server without ranges sends everything again, and the known part is skipped", async () => {
  server.ranges = false;
  server.breaks.push(100_000);
  const { result } = await passing(open().then(readAll));
  expect(result.status === "fulfilled" && result.value.equals(WHOLE)).toBe(true);
  expect(server.served.map(({ status, bytes }) => [status, bytes])).toEqual([
    [200, 100_000],
    [200, 300_000],
  ]);
});

test("a trouble of the server that passes costs an attempt", async () => {
  server.breaks.push(100_000);
  const download = await open();
  server.statuses.push(503, 429);
  const { result, minutes } = await passing(readAll(download));
  expect(result.status === "fulfilled" && result.value.equals(WHOLE)).toBe(true);
  expect([minutes, download.resumes]).toEqual([3, 0]);
});

test("after so many attempts over the whole download it is given up, with what went wrong last", async () => {
  server.breaks.push(10, 10, 10, 10);
  const download = await open(undefined, { retryDownloadCount: 3 });
  const { result, minutes } = await passing(readAll(download));
  expect(result).toMatchObject({
    reason: { code: "DOWNLOAD_BROKEN", detail: { byte: 40, resumes: 3 }, cause: { code: "TRANSPORT_FAILED" } },
  });
  expect(minutes).toBe(3);
  expect(JSON.stringify((result as PromiseRejectedResult).reason.detail)).not.toContain("secret");
});

test("the waits double up to their limit, less up to a half by chance", async () => {
  for (const [random, waits] of [
    [1, [1, 2, 4, 8, 16, 32, 60, 60]],
    [0, [0.5, 1, 2, 4, 8, 16, 30, 30]],
  ] as const) {
    logged = [];
    server.breaks.push(...waits.map(() => 1));
    const { result } = await passing(open(undefined, {}, { random: () => random }).then(readAll));
    expect(result.status === "fulfilled" && result.value.equals(WHOLE)).toBe(true);
    expect(logged.map((line) => Number(/resuming in (\d+) ms/.exec(line)?.[1]) / 1000)).toEqual(waits);
  }
});

test("a download that gets on is not given up, however often it breaks off", async () => {
  server.breaks.push(...Array.from({ length: 12 }, () => 20_000));
  const { result } = await passing(open(undefined, { retryDownloadCount: 2 }).then(readAll));
  expect(result.status === "fulfilled" && result.value.equals(WHOLE)).toBe(true);
  expect(logged.filter((line) => !line.includes("resuming in 1000 ms"))).toEqual([]);
});

test("a head that is fetched again after a restart is no progress", async () => {
  const download = await open({ ...START, headBytes: 50_000, uri: server.url });
  await readAll(download);
  expect(download.resumes).toBe(1);
});

for (const [title, spoil] of [
  ["503", () => server.statuses.push(503)],
  ["429", () => server.statuses.push(429)],
  ["a reset", () => server.statuses.push(-1)],
  ["several of them", () => server.statuses.push(503, -1, 502)],
] as const) {
  test(`the first request is tried again after ${title}`, async () => {
    spoil();
    const troubles = server.statuses.length;
    const { result } = await passing(open().then(readAll));
    expect(result.status === "fulfilled" && result.value.equals(WHOLE)).toBe(true);
    expect([logged.length, server.served.length]).toEqual([troubles, troubles + 1]);
  });
}

for (const code of ["TRANSPORT_PROXY", "SERVER_TIMEOUT", "TRANSPORT_FAILED"] as const) {
  test(`${code} passes, at the first request and at a later one`, async () => {
    const real = client();
    const requests: unknown[] = [];
    const transport: Transport = {
      ...real,
      async send(request, until) {
        requests.push(request.headers);
        if (requests.length % 2 === 1) throw new AgentError(code);
        return await real.send(request, until);
      },
    };
    server.breaks.push(100_000);
    const { result } = await passing(open(undefined, {}, { transport }).then(readAll));
    expect(result.status === "fulfilled" && result.value.equals(WHOLE)).toBe(true);
    expect(requests.length).toBe(4);
  });
}

test("what never passes ends the first request at once", async () => {
  await expect(open({ uri: "ftp://host/release" })).rejects.toMatchObject({ code: "TRANSPORT_ADDRESS" });
  expect(logged).toEqual([]);
});

test("an ETag that becomes a weak one is the same ETag", async () => {
  server.breaks.push(100_000);
  const download = await open();
  server.etag = 'W/"1"';
  const { result } = await passing(readAll(download));
  expect(result.status === "fulfilled" && result.value.equals(WHOLE)).toBe(true);
});

for (const [title, change, code] of [
  ["another ETag", () => (server.etag = '"2"'), "DOWNLOAD_CHANGED"],
  ["another length", () => (server.content = Buffer.concat([WHOLE, WHOLE])), "DOWNLOAD_CHANGED"],
  ["an expired link", () => server.statuses.push(403), "SOURCE_STATUS"],
  ["a range beyond the end", () => server.statuses.push(416), "DOWNLOAD_CHANGED"],
  ["a 206 without Content-Range", () => server.statuses.push(206), "DOWNLOAD_RANGE"],
] as const) {
  test(`${title} at a resume ends the download for good`, async () => {
    server.breaks.push(100_000);
    const download = await open();
    change();
    const { result, minutes } = await passing(readAll(download));
    expect(result).toMatchObject({ reason: { code } });
    expect([minutes, server.served.length]).toEqual([1, 2]);
  });
}

test("a first answer that is not 200 is a failure that names the place and not the signature", async () => {
  server.statuses.push(403);
  const failure = await open().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "SOURCE_STATUS", detail: { status: 403 } });
  expect(JSON.stringify(failure)).not.toContain("secret");
});

test("an abort while it waits is not waited out", async () => {
  server.breaks.push(100_000);
  const reading = open().then(readAll);
  while (logged.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  const reason = new Error("stop");
  abort.now?.abort(reason);
  await expect(reading).rejects.toBe(reason);
  expect(server.served).toHaveLength(1);
});

const START = { lengthBytes: 300_000, etag: '"1"', resumes: 1, headBytes: 5_000 };

test("after a restart the head is asked for alone, then what is missing", async () => {
  const download = await open({ ...START, uri: server.url });
  expect((await readAll(download)).equals(WHOLE.subarray(0, 5_000))).toBe(true);
  download.jump(200_000);
  expect(download.resumes).toBe(1);
  expect((await readAll(download)).equals(WHOLE.subarray(200_000))).toBe(true);
  expect(download.resumes).toBe(0);
  expect(server.served.map(({ range, bytes }) => [range, bytes])).toEqual([
    ["bytes=0-4999", 5_000],
    ["bytes=200000-299999", 100_000],
  ]);
});

test("after a restart a server without ranges is read once", async () => {
  server.ranges = false;
  const download = await open({ ...START, uri: server.url });
  expect((await readAll(download)).equals(WHOLE.subarray(0, 5_000))).toBe(true);
  download.jump(200_000);
  expect((await readAll(download)).equals(WHOLE.subarray(200_000))).toBe(true);
  expect(server.served).toHaveLength(1);
});

test("after a restart another source is noticed before anything of it is taken", async () => {
  server.etag = '"2"';
  const download = await open({ ...START, uri: server.url });
  await expect(readAll(download)).rejects.toMatchObject({ code: "DOWNLOAD_CHANGED" });
});

test("a limited download takes its time, on the average of the whole", async () => {
  const download = await open(undefined, { bytesPerSecond: 10_000 });
  let received = 0;
  const reading = (async () => {
    const chunk = Buffer.alloc(10_000);
    for (let count = await download.read(chunk); count > 0; count = await download.read(chunk)) received += count;
  })();
  for (let second = 0; second <= 30; second++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(received).toBeLessThanOrEqual(second * 10_000);
    await clock.pass(1000);
  }
  await reading;
  expect(received).toBe(300_000);
});
