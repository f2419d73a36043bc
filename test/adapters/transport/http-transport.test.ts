import { getEventListeners } from "node:events";
import type { IncomingMessage } from "node:http";
import { afterEach, expect, test } from "vitest";
import { client, never, Servers, text } from "./transport-rig.ts";

const servers = new Servers();
afterEach(() => servers.close());

const get = (url: string, headers: Record<string, string> = {}) =>
  client().send({ method: "GET", url, headers, followRedirects: true }, never);

test("status, headers and body of an answer come back", async () => {
  const base = await servers.http((request, response) => {
    response.writeHead(200, { "X-Seen": `${request.method} ${request.url} ${request.headers["x-mine"]}` }).end("hello");
  });
  const response = await get(`${base}/a/b?c=d`, { "X-Mine": "yes" });
  expect(response.status).toBe(200);
  expect(response.headers["x-seen"]).toBe("GET /a/b?c=d yes");
  expect(await text(response)).toBe("hello");
});

for (const status of [204, 404, 409, 500]) {
  test(`status ${status} is an answer and not a failure`, async () => {
    const base = await servers.http((_, response) => response.writeHead(status).end());
    const response = await get(base);
    expect(response.status).toBe(status);
    expect(await text(response)).toBe("");
  });
}

test("a body that arrives slowly is passed on as it arrives", async () => {
  const base = await servers.http((_, response) => {
    response.write("one");
    setTimeout(() => response.end("two"), 100);
  });
  const pieces: string[] = [];
  for await (const chunk of (await get(base)).body) pieces.push(Buffer.from(chunk).toString());
  expect(pieces).toEqual(["one", "two"]);
});

test("a body without a reader is not fetched", async () => {
  let sent = 0;
  const chunk = Buffer.alloc(256 * 1024);
  const base = await servers.http((_, response) => {
    const more = (): void => {
      if (sent === 200) return void response.end();
      sent += 1;
      response.write(chunk, more);
    };
    more();
  });
  const response = await get(base);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(sent * chunk.length).toBeLessThan(30 * 1024 * 1024);
  let received = 0;
  for await (const piece of response.body) received += piece.length;
  expect(received).toBe(200 * chunk.length);
});

test("a body that is cut off is a failure that names the place but not the signature in its query", async () => {
  const base = await servers.http((_, response) => {
    response.writeHead(200, { "Content-Length": "100" });
    response.write("part", () => response.destroy());
  });
  const response = await get(`${base}/image?signature=secret`);
  await expect(text(response)).rejects.toMatchObject({ code: "TRANSPORT_FAILED", detail: { url: `${base}/image` } });
});

test("a server that falls silent is a failure after the idle time", async () => {
  const base = await servers.http((request, response) => {
    if (request.url === "/body") response.writeHead(200).write("part");
  });
  const transport = client({ idleMs: 300 });
  await expect(transport.send({ method: "GET", url: base }, never)).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
  const response = await transport.send({ method: "GET", url: `${base}/body` }, never);
  await expect(text(response)).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
});

test("a server that is not there is a failure with its cause", async () => {
  const failure = await get("http://127.0.0.1:1/").catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "TRANSPORT_FAILED", cause: { code: "ECONNREFUSED" } });
});

for (const [url, shown] of [
  ["ftp://user:secret@host/file?secret", "ftp://host/file"],
  ["s3:user:secret@host", "s3:"],
  ["not an address, but secret", ""],
  ["http://user:secret@[host", "http:"],
  ["file:///etc/passwd", "file:"],
] as const) {
  test(`${url} is refused, and shown as "${shown}"`, async () => {
    await expect(get(url)).rejects.toMatchObject({ code: "TRANSPORT_ADDRESS", detail: { url: shown } });
  });
}

test("redirects of a GET are followed, relative ones too", async () => {
  const base = await servers.http((request, response) => {
    if (request.url === "/end") response.end("arrived");
    else response.writeHead(302, { Location: request.url === "/start" ? "middle" : `${base}/end` }).end("moved");
  });
  expect(await text(await get(`${base}/start`))).toBe("arrived");
});

test("a redirect loop ends after ten", async () => {
  let requests = 0;
  const base = await servers.http((_, response) => {
    requests += 1;
    response.writeHead(302, { Location: "/again" }).end();
  });
  await expect(get(base)).rejects.toMatchObject({ code: "TRANSPORT_ADDRESS", detail: { redirects: 10 } });
  expect(requests).toBe(11);
});

test("a redirect is a plain answer if the caller does not follow redirects", async () => {
  const base = await servers.http((_, response) => response.writeHead(307, { Location: "/end" }).end());
  for (const method of ["GET", "POST"] as const)
    expect((await client().send({ method, url: base }, never)).status).toBe(307);
});

for (const method of ["POST", "PUT", "PATCH"] as const) {
  test(`the body of a ${method} arrives byte for byte, with its length`, async () => {
    const base = await servers.http(async (request, response) => {
      const chunks = await request.toArray();
      response.end(`${request.method} ${request.headers["content-length"]} ${Buffer.concat(chunks).toString("hex")}`);
    });
    const body = Uint8Array.of(0, 0xff, 0x0a);
    expect(await text(await client().send({ method, url: base, body }, never))).toBe(`${method} 3 00ff0a`);
  });
}

test("a text arrives as UTF-8, with the length that it has there", async () => {
  const base = await servers.http(async (request, response) => {
    response.end(`${request.headers["content-length"]} ${Buffer.concat(await request.toArray())}`);
  });
  const post = async (body: string) => text(await client().send({ method: "POST", url: base, body }, never));
  expect(await post('{"a":"b"}')).toBe('9 {"a":"b"}');
  expect(await post('{"a":"\u00e9\u20ac"}')).toBe('13 {"a":"\u00e9\u20ac"}');
});

test("a limit for the whole ends an answer that drips, in its head and in its body", async () => {
  const base = await servers.http((request, response) => {
    if (request.url === "/head") return;
    response.writeHead(200, { "Content-Length": "1000" });
    const drip = setInterval(() => response.write("x"), 50);
    response.once("close", () => clearInterval(drip));
  });
  for (const path of ["/head", "/body"]) {
    const read = async () => text(await client().send({ method: "GET", url: base + path, limitMs: 300 }, never));
    await expect(read()).rejects.toMatchObject({ code: "SERVER_TIMEOUT", detail: { url: base + path, seconds: 0.3 } });
  }
});

test("credentials stay with the server that they are for", async () => {
  const seen: IncomingMessage["headers"][] = [];
  const other = await servers.http((request, response) => {
    seen.push(request.headers);
    response.end();
  });
  const base = await servers.http((request, response) => {
    seen.push(request.headers);
    response.writeHead(302, { Location: request.url === "/here" ? "/there" : other }).end();
  });
  await get(`${base}/here`, { Authorization: "Bearer token", "X-Kept": "1" });
  expect(seen.map((headers) => [headers.authorization, headers["x-kept"]])).toEqual([
    ["Bearer token", "1"],
    ["Bearer token", "1"],
    [undefined, "1"],
  ]);
});

test("an abort ends a request and a body with the signal's own reason", async () => {
  const base = await servers.http((request, response) => {
    if (request.url === "/body") response.writeHead(200).write("part");
  });
  for (const path of ["/silent", "/body"]) {
    const controller = new AbortController();
    const reason = new Error("stop now");
    setTimeout(() => controller.abort(reason), 50);
    const read = async () => text(await client().send({ method: "GET", url: base + path }, controller.signal));
    await expect(read()).rejects.toBe(reason);
  }
});

test("an abort ends every request of its signal, of which no more is asked than one of them would", async () => {
  const base = await servers.http((request, response) => void (request.url === "/done" && response.end("done")));
  const controller = new AbortController();
  const reason = new Error("stop now");
  const transport = client();
  const ask = async (path: string) =>
    text(await transport.send({ method: "GET", url: base + path }, controller.signal));
  for (let request = 0; request < 20; request++) expect(await ask("/done")).toBe("done");
  const silent = [ask("/silent"), ask("/silent")];
  expect(getEventListeners(controller.signal, "abort").length).toBe(1);
  setTimeout(() => controller.abort(reason), 50);
  expect(await Promise.allSettled(silent)).toEqual([
    { status: "rejected", reason },
    { status: "rejected", reason },
  ]);
});

test("leaving the body early closes the connection", async () => {
  const closed = new Promise((resolve) => {
    void servers
      .http((_, response) => {
        response.once("close", resolve);
        response.write("x".repeat(100_000));
      })
      .then(async (base) => {
        for await (const _ of (await get(base)).body) break;
      });
  });
  await closed;
});
