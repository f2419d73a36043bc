import { once } from "node:events";
import { createServer, globalAgent } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createConnection } from "../../fleet/client/connection.ts";

for (const status of [201, 202, 204])
  test(`after an empty answer with status ${status}, no connection keeps the program from ending`, async () => {
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(status, status === 204 ? {} : { "content-length": 0 }).end();
    });
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
