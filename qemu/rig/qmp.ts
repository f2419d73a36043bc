import { connect, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";

/** QEMU's machine protocol, as far as the rig needs it: one command at a time. */
export class Qmp {
  readonly #socket: Socket;
  #received = "";
  #answers: ((line: Readonly<Record<string, unknown>>) => void)[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8").on("data", (text: string) => this.#take(text));
    // ignored: the machine has ended, and its users see the end of its process.
    socket.on("error", () => undefined);
  }

  /** Waits until QEMU has created its socket. */
  static async connect(path: string, deadline: number): Promise<Qmp> {
    for (;;) {
      try {
        const socket = await opened(path);
        const qmp = new Qmp(socket);
        await qmp.execute("qmp_capabilities");
        return qmp;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await setTimeout(50);
      }
    }
  }

  async execute(command: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const answer = new Promise<Readonly<Record<string, unknown>>>((resolve) => this.#answers.push(resolve));
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    const { error } = await answer;
    if (error !== undefined) throw new Error(`QEMU refuses ${command}: ${JSON.stringify(error)}`);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    const lines = `${this.#received}${text}`.split("\n");
    this.#received = lines.pop() ?? "";
    for (const line of lines) {
      const message = JSON.parse(line) as Readonly<Record<string, unknown>>;
      if ("return" in message || "error" in message) this.#answers.shift()?.(message);
    }
  }
}

function opened(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket)).once("error", reject);
  });
}
