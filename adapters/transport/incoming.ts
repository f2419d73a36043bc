import type { Socket } from "node:net";
import type { Clock } from "../../src/ports/clock.ts";

/** Time without a byte, while somebody waits for one, until a connection counts as dead. */
export interface IdleTime {
  readonly ms: number;
  readonly startTimer: Clock["startTimer"];
}

/** As `net.connect` and `tls.connect` take it. */
export interface ReadHook {
  readonly buffer: Buffer;
  readonly callback: (count: number) => boolean;
}

/**
 * What arrives on a socket, pulled. The socket reads into one buffer that is used again and again, and only when
 * somebody waits: Node's own streams allocate every chunk anew, which a process that has downloaded an image keeps
 * as 20 MiB and more of memory.
 */
export class Incoming {
  readonly #idleTime: IdleTime | undefined;
  readonly #queue: Buffer[] = [];
  #socket: Socket | undefined;
  #failure: unknown;
  #ended = false;
  /** A socket begins to read by itself, and is stopped with the first bytes. */
  #stopped = false;
  #wake: (() => void) | undefined;

  /** @param idleTime absent: the connection never counts as dead */
  constructor(idleTime: IdleTime | undefined) {
    this.#idleTime = idleTime;
  }

  /** @param decrypts TLS hands over all that it has decrypted, also when asked to stop: that has to be copied */
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

  /** @param hooked whether the socket was made with `hook`; else its own chunks are taken */
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

  /** Lets go of the socket, which somebody else goes on with. @returns whether everything that came was taken */
  release(): boolean {
    const socket = this.#socket;
    socket?.off("error", this.fail).off("end", this.#end).off("close", this.#end).off("data", this.#data);
    this.#socket = undefined;
    return this.#queue.length === 0;
  }

  readonly fail = (reason: unknown): void => {
    this.#failure ??= reason;
    this.#wake?.();
  };

  /** Resolves when `isDone` says so after something has happened. Fails after the idle time. */
  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return;
      await this.#event();
    }
  }

  /** Something has happened that `until` should look at. */
  readonly notice = (): void => this.#wake?.();

  /** The next bytes, valid until the next call; `undefined` at the end. */
  async next(): Promise<Buffer | undefined> {
    const ready = this.#queue.shift();
    if (ready !== undefined) return ready;
    if (this.#stopped) this.#socket?.resume();
    await this.until(() => this.#queue.length > 0);
    return this.#queue.shift();
  }

  /** Gives back what was not used of the last bytes. */
  unread(bytes: Buffer): void {
    if (bytes.length > 0) this.#queue.unshift(bytes);
  }

  readonly #data = (chunk: Buffer): void => {
    this.#socket?.pause();
    this.#arrived(chunk);
  };

  readonly #end = (): void => {
    this.#ended = true;
    this.#wake?.();
  };

  #arrived(bytes: Buffer): void {
    this.#queue.push(bytes);
    this.#wake?.();
  }

  #event(): Promise<void> {
    return new Promise((resolve, reject) => {
      const idle = this.#idleTime;
      const stop = idle?.startTimer(idle.ms, () => {
        this.#wake = undefined;
        reject(new Error(`no byte for ${idle.ms} ms`));
      });
      this.#wake = () => {
        this.#wake = undefined;
        stop?.();
        resolve();
      };
    });
  }
}
