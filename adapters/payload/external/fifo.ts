import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { errnoOf } from "../../../src/util/errno.ts";

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/**
 * Opens a FIFO for writing as soon as a program reads it. A plain `open` would block a thread that cannot be
 * interrupted, so this polls without blocking.
 *
 * @param ended aborts when no reader can come any more
 * @returns `undefined` once `ended` has aborted
 * @throws {AgentError} MODULE_STREAM if something other than a FIFO is at `path`
 */
export async function openFifo(path: string, ended: AbortSignal): Promise<FifoWriter | undefined> {
  for (let pauseMs = FIRST_PAUSE_MS; !ended.aborted; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const fd = tryOpen(path);
    if (fd !== undefined) return new FifoWriter(fd, ended);
    await pause(pauseMs, ended);
  }
  return undefined;
}

/** Waits for `ms`, or until `ended` aborts. */
export async function pause(ms: number, ended: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal: ended }).catch(() => {
    // ignored: an early end of the wait is what the caller wants.
  });
}

/**
 * Gives end-of-file to a program that reads the FIFO or waits to open it. Does nothing if there is no such program, or
 * if `path` is not a FIFO.
 */
export function endFifo(path: string): void {
  try {
    const fd = tryOpen(path);
    if (fd !== undefined) closeSync(fd);
  } catch (error) {
    // ignored: no program waits on anything but a FIFO.
    if (!(error instanceof AgentError)) throw error;
  }
}

function tryOpen(path: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (cause) {
    // ENXIO: the FIFO has no reader yet. ENOENT: the module has removed it, so no reader can come.
    const code = errnoOf(cause);
    if (code === "ENXIO" || code === "ENOENT") return undefined;
    throw new AgentError("MODULE_STREAM", { path }, cause);
  }
  if (fstatSync(fd).isFIFO()) return fd;
  closeSync(fd);
  throw new AgentError("MODULE_STREAM", { path, reason: "the module has replaced the FIFO" });
}

/** The writing end of a FIFO. Writes wait in the event loop, never in a thread. */
export class FifoWriter {
  readonly #socket: Socket;
  readonly #ended: AbortSignal;
  readonly #stop = (): void => {
    this.#socket.destroy();
  };

  constructor(fd: number, ended: AbortSignal) {
    this.#socket = new Socket({ fd, readable: false, writable: true });
    this.#ended = ended;
    this.#socket.on("error", () => {
      // ignored: the failing write rejects.
    });
    ended.addEventListener("abort", this.#stop);
    if (ended.aborted) this.#stop();
  }

  /** Resolves when the kernel has accepted all of `bytes`. Rejects if the reader has gone or `ended` has aborted. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Gives the reader end-of-file. Idempotent. */
  async close(): Promise<void> {
    this.#ended.removeEventListener("abort", this.#stop);
    if (this.#socket.closed) return;
    await new Promise<void>((resolve) => {
      this.#socket.once("close", () => resolve());
      this.#socket.destroy();
    });
  }
}
