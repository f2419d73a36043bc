import { Socket } from "node:net";
import { CHANNEL_FD } from "./worker.ts";

const NEWLINE = 0x0a;

/** The worker's side of the channel. */
export interface WorkerChannel {
  readonly order: string;
  /** Sends the answer and closes the channel; the waiting process reads the answer when this process ends. */
  answer(text: string): void;
}

/**
 * Receives the order for which this process was started. From then on this process dies with the process that waits for
 * it: if that one is killed, this one is killed too, whatever it is doing.
 *
 * @returns `undefined` if this process was not started as a worker
 */
export function openWorkerChannel(): Promise<WorkerChannel | undefined> {
  return new Promise((resolve) => {
    const channel = openSocket();
    if (channel === undefined) return resolve(undefined);
    const said: Buffer[] = [];
    let isAtWork = false;
    channel.on("error", () => {
      // ignored: the channel closes, which is handled below.
    });
    channel.on("data", (chunk) => {
      said.push(chunk);
      if (chunk.at(-1) !== NEWLINE) return;
      isAtWork = true;
      resolve({
        order: Buffer.concat(said).toString("utf8"),
        answer(text) {
          isAtWork = false;
          channel.end(text, () => channel.destroy());
        },
      });
    });
    channel.on("close", () => {
      if (isAtWork) process.kill(process.pid, "SIGKILL");
      resolve(undefined);
    });
  });
}

function openSocket(): Socket | undefined {
  try {
    return new Socket({ fd: CHANNEL_FD, readable: true, writable: true });
  } catch {
    // ignored: the descriptor does not exist or is not a channel.
    return undefined;
  }
}
