import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * A port of the loopback interface for a program that is started several times. It is none of those that the kernel
 * gives to clients: a client that tries again and again to reach a program that is down would at last get the port
 * itself, connect to itself, and keep the program from listening.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 30_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
