import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createWire, type Wire } from "../../fleet/simulate/wire.ts";

let server: Server;
let wire: Wire;
afterEach(async () => {
  wire.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function start(listener: RequestListener, connections = 1): Promise<void> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  wire = createWire({ url: new URL(`http://127.0.0.1:${port}`), connections });
}

test("many requests share one connection, and each gets its own answer", async () => {
  const sockets = new Set<unknown>();
  await start((request, response) => {
    sockets.add(request.socket);
    response.end(request.url);
  });
  const answers = await Promise.all([..."abcdefgh"].map((path) => wire.send({ method: "GET", path: `/${path}` })));
  expect(answers.map(({ body }) => body)).toEqual([..."abcdefgh"].map((path) => `/${path}`));
  expect(sockets.size).toBe(1);
});

test("no more connections are open than were allowed", async () => {
  let open = 0;
  let most = 0;
  await start((_, response) => {
    open += 1;
    most = Math.max(most, open);
    setTimeout(() => {
      open -= 1;
      response.end("x");
    }, 5);
  }, 3);
  await Promise.all(Array.from({ length: 20 }, () => wire.send({ method: "GET", path: "/" })));
  expect(most).toBe(3);
});

test("a body arrives whole, with its length in bytes", async () => {
  await start((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => response.end(`${request.headers["content-length"]} ${text}`));
  });
  const { body } = await wire.send({ method: "POST", path: "/", body: '{"name":"Zürich"}' });
  expect(body).toBe('18 {"name":"Zürich"}');
});

test("an answer without a body and an answer in chunks leave the connection usable", async () => {
  await start((request, response) => {
    if (request.url === "/nothing") response.writeHead(204).end();
    else {
      response.write("one ");
      setTimeout(() => response.end("two"), 5);
    }
  });
  const first = await wire.send({ method: "GET", path: "/nothing" });
  const second = await wire.send({ method: "GET", path: "/chunks" });
  const third = await wire.send({ method: "GET", path: "/nothing" });
  expect([first.status, second.body, third.status]).toEqual([204, "one two", 204]);
});

test("a large body is counted, and not kept if it is not wanted", async () => {
  await start((_, response) => response.end(Buffer.alloc(3_000_000, "x")));
  const { body, bodyBytes } = await wire.send({ method: "GET", path: "/", discard: true });
  expect([body, bodyBytes]).toEqual(["", 3_000_000]);
});

test("a connection that the server closed while it was idle is replaced without an error", async () => {
  let count = 0;
  await start((request, response) => {
    count += 1;
    response.end(String(count), () => count === 1 && request.socket.destroy());
  });
  await wire.send({ method: "GET", path: "/" });
  const { body } = await wire.send({ method: "GET", path: "/" });
  expect(body).toBe("2");
});

test("a connection that ends within an answer fails its request", async () => {
  await start((request, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half");
    setTimeout(() => request.socket.destroy(), 5);
  });
  await expect(wire.send({ method: "GET", path: "/" })).rejects.toThrow("closed the connection");
});

test("the time after which to try again is told", async () => {
  await start((_, response) => response.writeHead(429, { "retry-after": "7" }).end("{}"));
  const { status, retryAfterS } = await wire.send({ method: "GET", path: "/" });
  expect([status, retryAfterS]).toEqual([429, 7]);
});
