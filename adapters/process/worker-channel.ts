import { Socket } from "node:net";
import { CHANNEL_FD } from "./worker.ts";

const NEWLINE = 0x0a;

/** What a worker has been given. */
export interface WorkerChannel {
  readonly order: string;
  /** Ends the channel with an answer, which the process that waits for it takes at the end of this one. */
  answer(text: string): void;
}

/**
 * Takes the order that this process was started for. From then on it lives no longer than the process that waits for
 * it: when that is killed, this one is as well, in the middle of whatever it does, as if they were one.
 *
 * @returns `undefined` when nobody has started it as a worker
 */
export function openWorkerChannel(): Promise<WorkerChannel | undefined> {
  return new Promise((resolve) => {
    const channel = openSocket();
    if (channel === undefined) return resolve(undefined);
    const said: Buffer[] = [];
    let isAtWork = false;
    channel.on("error", () => {
      // ignored: it is closed now, which says the same.
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
    // ignored: there is no such descriptor, or it is no channel.
    return undefined;
  }
}
