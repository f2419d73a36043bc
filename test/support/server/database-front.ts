import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

/** The address of a database: a TCP port that leads to the unix socket of whichever PostgreSQL is behind it now. */
export class DatabaseFront {
  readonly #pairs = new Set<readonly [client: Socket, inside: Socket]>();
  readonly #server: Server;
  #socketFolder = "";
  port = 0;

  constructor() {
    this.#server = createServer((client) => {
      const inside = connect(join(this.#socketFolder, ".s.PGSQL.5432"));
      const pair = [client, inside] as const;
      this.#pairs.add(pair);
      for (const [from, to] of [pair, [inside, client] as const]) {
        from.on("error", () => to.destroy());
        from.on("close", () => {
          this.#pairs.delete(pair);
          to.destroy();
        });
        from.pipe(to);
      }
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.port, "127.0.0.1", resolve));
    this.port = (this.#server.address() as AddressInfo).port;
  }

  /** From the next connection on. */
  passTo(socketFolder: string): void {
    this.#socketFolder = socketFolder;
  }

  /** What is said over the connections of now never arrives, and no error tells it: their machine has lost its power. */
  silence(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.unpipe().pause();
  }

  /** Breaks the connections of now. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  /** Takes no connections any more, and breaks those that there are. */
  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await ended;
  }
}
