import type { Socket } from "node:net";
import type { Clock } from "../../src/ports/clock.ts";

/** How long a read waits for a byte until the connection counts as dead. */
export interface IdleTime {
  readonly ms: number;
  readonly startTimer: Clock["startTimer"];
}

/** The `onread` option of `net.connect` and `tls.connect`. */
export interface ReadHook {
  readonly buffer: Buffer;
  readonly callback: (count: number) => boolean;
}

interface Waiter {
  resolve(bytes: Buffer | undefined): void;
  reject(reason: unknown): void;
}

/**
 * Reads a socket on demand. The socket reads into one reused buffer, and only while a caller waits. Node's own streams
 * allocate a new buffer for every chunk: after an image download the process would keep 20 MiB of memory or more.
 */
export class Incoming {
  readonly #idleTime: IdleTime | undefined;
  readonly #queue: Buffer[] = [];
  #socket: Socket | undefined;
  #failure: unknown;
  #ended = false;
  /** A new socket reads without being asked, and stops at the first bytes. */
  #stopped = false;
  #waiter: Waiter | undefined;
  #endIdleTime: (() => void) | undefined;

  /** @param idleTime absent: the connection never counts as dead */
  constructor(idleTime: IdleTime | undefined) {
    this.#idleTime = idleTime;
  }

  /** @param decrypts TLS delivers everything that it has decrypted, even when paused, so the bytes must be copied */
  hook(buffer: Buffer, decrypts: boolean): ReadHook {
    return {
      buffer,
      callback: (count) => {
        const bytes = buffer.subarray(0, count);
        this.#stopped = true;
        this.#arrived(decrypts ? Buffer.from(bytes) : bytes);
        return false;
      },
    };
  }

  /** @param hooked whether the socket was made with `hook`; if not, the socket's own chunks are used */
  watch(socket: Socket, hooked: boolean): void {
    this.#socket = socket;
    socket.on("error", this.fail);
    socket.on("end", this.#end);
    socket.on("close", this.#end);
    if (hooked) return;
    this.#stopped = true;
    socket.pause();
    socket.on("data", this.#data);
  }

  /** Detaches from the socket so that another reader can use it. @returns whether all received bytes were consumed */
  release(): boolean {
    const socket = this.#socket;
    socket?.off("error", this.fail).off("end", this.#end).off("close", this.#end).off("data", this.#data);
    this.#socket = undefined;
    return this.#queue.length === 0;
  }

  readonly fail = (reason: unknown): void => {
    this.#failure ??= reason;
    this.#served()?.reject(this.#failure);
  };

  /** Resolves when the socket, which has delivered no bytes so far, emits `event`. */
  ready(event: "connect" | "secureConnect"): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wait({ resolve: () => reject(new Error("the connection was closed")), reject });
      this.#socket?.once(event, () => {
        this.#served();
        resolve();
      });
    });
  }

  /** The next bytes, valid until the next call; `undefined` at the end. Fails after the idle time. */
  next(): Promise<Buffer | undefined> {
    return new Promise((resolve, reject) => {
      const bytes = this.#queue.shift();
      if (bytes !== undefined) return resolve(bytes);
      this.#wait({ resolve, reject });
      if (this.#stopped) this.#socket?.resume();
    });
  }

  /** Puts back the unused part of the last bytes. */
  unread(bytes: Buffer): void {
    if (bytes.length > 0) this.#queue.unshift(bytes);
  }

  readonly #data = (chunk: Buffer): void => {
    this.#socket?.pause();
    this.#arrived(chunk);
  };

  readonly #end = (): void => {
    this.#ended = true;
    this.#served()?.resolve(undefined);
  };

  #arrived(bytes: Buffer): void {
    const waiter = this.#served();
    if (waiter === undefined) this.#queue.push(bytes);
    else waiter.resolve(bytes);
  }

  #wait(waiter: Waiter): void {
    this.#waiter = waiter;
    if (this.#failure !== undefined) this.fail(this.#failure);
    else if (this.#ended) this.#end();
    else this.#beIdle();
  }

  #beIdle(): void {
    const idle = this.#idleTime;
    this.#endIdleTime = idle?.startTimer(idle.ms, () => {
      this.#served()?.reject(new Error(`no byte for ${idle.ms} ms`));
    });
  }

  /** Ends the wait. @returns the caller that waited, if any */
  #served(): Waiter | undefined {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    this.#endIdleTime?.();
    return waiter;
  }
}
