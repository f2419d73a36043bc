import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../../../qemu/harness/random.ts";
import { openDownload } from "../../../src/core/install/download.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { client } from "../../adapters/transport/transport-rig.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

/** Another seed finds other answers: `SWITCHBACK_FUZZ_SEED=7 npm test -- --tier fuzz`. */
const SEED = Number(process.env["SWITCHBACK_FUZZ_SEED"] ?? 20_260_101);
const CASES = 1000;
const CASES_PER_TEST = 250;
const CONTENT = new Random(1).fill(Buffer.alloc(20_000));
const MAX_RESUMES = 3;
const never = new AbortController().signal;

let server: Server;
let random = new Random(SEED);
let honest = 0;
const sockets = new Set<Socket>();

beforeAll(async () => {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
    let request = "";
    socket.on("data", (bytes) => {
      request += bytes.toString("latin1");
      if (request.includes("\r\n\r\n")) socket.end(answerTo(request));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const NUMBERS = ["-1", "0", "1", "20001", "99999999999999999999", "1e3", "0x10", "", "NaN", "+5", "5, 5", " 7"];

/** A correct answer in which one part may be false. */
function answerTo(request: string): Buffer {
  const range = /range: bytes=(\d+)-(\d+)/i.exec(request);
  const from = Number(range?.[1] ?? 0);
  const to = Math.min(Number(range?.[2] ?? CONTENT.length - 1), CONTENT.length - 1) + 1;
  const lie = (chance: number): boolean => random.below(chance) === 0;
  const number = (): string => (lie(2) ? random.pick(NUMBERS) : String(random.below(2 * CONTENT.length)));
  const body = CONTENT.subarray(from, to);
  const status = lie(6) ? random.pick([200, 204, 206, 301, 304, 403, 416, 429, 500, 999]) : range === null ? 200 : 206;
  const length = lie(6) ? number() : String(body.length);
  const contentRange = lie(4)
    ? `bytes ${number()}-${number()}/${lie(2) ? "*" : number()}`
    : `bytes ${from}-${to - 1}/${CONTENT.length}`;
  const head = [
    `HTTP/1.1 ${status} X`,
    ...(lie(10) ? [] : [`Content-Length: ${length}`]),
    ...(status === 206 || lie(10) ? [`Content-Range: ${contentRange}`] : []),
    `ETag: ${lie(10) ? '"2"' : '"1"'}`,
    ...(lie(15) ? ["Transfer-Encoding: chunked"] : []),
    ...(lie(15) ? [`Location: ${random.pick(["/", "", "http://[", "ftp://x/", "//"])}`] : []),
  ];
  const answer = Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
  if (lie(6)) answer.writeUInt8(random.below(256), random.below(Math.min(answer.length, 200)));
  return lie(3) ? answer.subarray(0, random.below(answer.length)) : answer;
}

/** Everything that could be read, or why it failed. */
async function download(): Promise<Buffer> {
  const still = createVirtualClock();
  // There are no waits before a resume, and no time limit is reached, because time stands still.
  const sleep = async (ms: number, signal: AbortSignal) => (ms > 0 ? await still.sleep(ms, signal) : undefined);
  const clock = { ...still, sleep };
  const parts = {
    transport: client({ idleMs: 2_000 }),
    clock,
    log: () => undefined,
    limits: {
      retryDownloadCount: MAX_RESUMES,
      retryDownloadWaitMs: 0,
      slowest: { bytesPerSecond: 100, overMs: 600_000 },
    },
  };
  const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const source = await openDownload({ uri }, parts, never);
  try {
    const all: Buffer[] = [];
    const chunk = Buffer.alloc(3_000);
    for (let count = await source.read(chunk); count > 0; count = await source.read(chunk)) {
      all.push(Buffer.from(chunk.subarray(0, count)));
      if (all.length > 1000) throw new Error("a download without end");
    }
    const read = Buffer.concat(all);
    // A body with a stated length must have that length; otherwise the Artifact's own checks decide.
    if (source.facts !== undefined) expect(read.length).toBe(source.facts.lengthBytes);
    return read;
  } finally {
    await source.close();
  }
}

for (let first = 0; first < CASES; first += CASES_PER_TEST) {
  test(`whatever a server answers, a download has the announced length or fails by name (cases ${first} to ${first + CASES_PER_TEST - 1})`, async () => {
    for (let number = first; number < first + CASES_PER_TEST; number++) {
      random = new Random(SEED + number);
      const result = await download().catch((error: unknown) => error);
      if (Buffer.isBuffer(result)) {
        if (result.equals(CONTENT)) honest += 1;
        continue;
      }
      expect(result, `seed ${SEED}, case ${number}: ${String(result)}`).toBeInstanceOf(AgentError);
    }
    expect(honest, "downloads that came through all the same").toBeGreaterThan(first / 20);
  });
}
