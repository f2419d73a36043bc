import { once } from "node:events";
import { createServer, globalAgent } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createConnection } from "../../fleet/client/connection.ts";

for (const [status, body] of [
  [200, '{"id":"an answer that the caller does not read"}'],
  [201, ""],
  [202, ""],
  [204, ""],
] as const)
  test(`after an answer with status ${status}, no connection keeps the program from ending`, async () => {
    const server = createServer((request, response) => {
      request.resume();
      const length = status === 204 ? {} : { "content-length": body.length };
      response.writeHead(status, { ...length, ...(body !== "" && { "content-type": "application/json" }) }).end(body);
    });
    // So that only the client can end what it keeps.
    server.keepAliveTimeout = 0;
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const options = { server: `http://127.0.0.1:${port}`, token: "t", ca: undefined, skipVerify: false };
    expect((await createConnection(options).call("POST", "/api/x", { body: {} })).status).toBe(status);
    // Connections that wait for another request do not hold the program.
    const busy = (): string[] => Object.keys(globalAgent.sockets).filter((name) => name.includes(`:${port}:`));
    await expect.poll(busy).toEqual([]);
    server.closeAllConnections();
    server.close();
  });
