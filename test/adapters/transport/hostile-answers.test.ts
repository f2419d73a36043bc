import { afterEach, expect, test } from "vitest";
import { client, never, Servers, text } from "./transport-rig.ts";

const servers = new Servers();
afterEach(() => servers.close());

const ask = async (url: string, idleMs = 5_000): Promise<string> =>
  text(await client({ idleMs }).send({ method: "GET", url }, never));

/** Each answer, with the text of the failure. */
const GARBAGE: readonly (readonly [title: string, answer: string, reason: RegExp])[] = [
  ["nothing at all", "", /no answer/],
  ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", /not HTTP/],
  ["a status that is none", "HTTP/1.1 999 What\r\n\r\n", /not HTTP/],
  ["half of a head", "HTTP/1.1 200 OK\r\nContent-Le", /cut off/],
  ["a header without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", /header that is none/],
  ["a folded header", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", /header that is none/],
  ["a head without end", `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(20_000)}`, /too long/],
  ["informational answers without end", "HTTP/1.1 100 Continue\r\n\r\n".repeat(20), /without end/],
  ["a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", /not a number/],
  ["a length in words", "HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n", /not a number/],
  ["a length beyond counting", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", /not a number/],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", /two of content-length/],
  [
    "a length and chunks",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    /ambiguous/,
  ],
  ["a coding that nobody asked for", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", /ambiguous/],
  ["chunks without a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", /damaged/],
  ["a chunk that is too long", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n", /damaged/],
  ["chunks that stop", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", /cut off/],
  ["chunks without the last", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", /cut off/],
  ["a body that is too short", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", /5 of 10 bytes are missing/],
];

for (const [title, answer, reason] of GARBAGE) {
  test(`${title} is a failed transfer`, async () => {
    const url = await servers.tcp((socket) => socket.end(answer, "latin1"));
    await expect(ask(url)).rejects.toMatchObject({ code: "TRANSPORT_FAILED", cause: { message: reason } });
  });
}

test("chunks of any size with extensions and trailers are put together, byte by byte, too", async () => {
  const answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nT: x\r\n\r\n";
  const url = await servers.tcp((socket) => {
    socket.setNoDelay(true);
    let at = 0;
    const next = (): void => {
      if (at === answer.length) return void socket.end();
      socket.write(answer.charAt(at++));
      setImmediate(next);
    };
    next();
  });
  expect(await ask(url)).toBe("hello!");
});

test("what follows an answer of a certain length is not part of it", async () => {
  const url = await servers.tcp((socket) =>
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 500"),
  );
  expect(await ask(url)).toBe("hello");
});

test("informational answers are passed over, and a body without a length goes to the end of the connection", async () => {
  const url = await servers.tcp((socket) => socket.end("HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.0 200 OK\n\nhello"));
  expect(await ask(url)).toBe("hello");
});

test("a server that falls silent within the head fails after the idle time, and one that sends slowly does not", async () => {
  const silent = await servers.tcp((socket) => socket.write("HTTP/1.1 200"));
  await expect(ask(silent, 200)).rejects.toMatchObject({ cause: { message: "no byte for 200 ms" } });
  const dribbling = await servers.tcp((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
    let sent = 0;
    const timer = setInterval(() => {
      socket.write("x");
      sent += 1;
      if (sent === 6) clearInterval(timer);
    }, 100);
  });
  expect(await ask(dribbling, 300)).toBe("xxxxxx");
});

test("time that the reader takes for itself is no silence of the server", async () => {
  const url = await servers.tcp((socket) =>
    socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\n${"x".repeat(600_000)}`),
  );
  const { body } = await client({ idleMs: 100 }).send({ method: "GET", url }, never);
  let received = 0;
  for await (const chunk of body) {
    if (received === 0) await new Promise((resolve) => setTimeout(resolve, 400));
    received += chunk.length;
  }
  expect(received).toBe(600_000);
});

test("a header that would begin another request is refused before anything is sent", async () => {
  let asked = 0;
  const url = await servers.tcp(() => asked++);
  const sent = client().send({ method: "GET", url, headers: { "X-Name": "a\r\nX-Evil: b" } }, never);
  await expect(sent).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
  expect(asked).toBe(0);
});
