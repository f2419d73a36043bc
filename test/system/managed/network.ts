import type { Transport, TransportRequest } from "../../../src/ports/transport.ts";

/** The requests of an agent in a deployment, in order. */
export const STEPS = [
  "authorise",
  "inventory",
  "poll",
  "downloading",
  "download",
  "installing",
  "rebooting",
  "reach",
  "final",
  "log",
] as const;
export type Step = (typeof STEPS)[number];

/** Where a diverted request goes. */
export interface Astray {
  readonly address: string;
  /** The connection stays open: silent, or with a byte now and then of a body that never ends. */
  readonly keepsWaiting?: "silently" | "dripping";
}

/** The network between an agent and its server. It can divert requests, and knows what is in transit. */
export class Network {
  /** Whether the device has been restarted since the download. */
  isRebooted = false;
  /** Number of diverted requests. */
  met = 0;
  /** Called when something is sent or has arrived. */
  onChange: () => void = () => undefined;
  #fault: { readonly step: Step; readonly astray: Astray; left: number } | undefined;
  #open = 0;
  #waiting = 0;
  #held = 0;

  /** Diverts the next `times` requests of `step`. */
  break(step: Step, astray: Astray, times: number): void {
    this.#fault = { step, astray, left: times };
  }

  heal(): void {
    this.#fault = undefined;
  }

  /** Whether the network is silent: nothing in transit will arrive except single bytes, and nobody is reading a body. */
  get isSilent(): boolean {
    return this.#held === 0 && this.#open === this.#waiting;
  }

  /** Whether the agent is waiting for such bytes. */
  get isDripping(): boolean {
    return this.#waiting > 0 && this.#fault?.astray.keepsWaiting === "dripping";
  }

  wrap(transport: Transport): Transport {
    return {
      send: async (request, signal) => {
        const astray = this.#astray(request);
        const keepsWaiting = astray?.keepsWaiting !== undefined;
        const sent = astray === undefined ? request : { ...request, url: `${astray.address}/fault` };
        const response = await this.#during(() => transport.send(sent, signal), keepsWaiting);
        return { ...response, body: this.#read(response.body[Symbol.asyncIterator](), keepsWaiting) };
      },
      close: () => transport.close(),
    };
  }

  /** Between two chunks of a body, the agent works and the network does not. */
  #read(chunks: AsyncIterator<Uint8Array>, keepsWaiting: boolean): AsyncIterable<Uint8Array> {
    let isHeld = false;
    const hold = (held: boolean): void => {
      if (held !== isHeld) this.#held += held ? 1 : -1;
      isHeld = held;
      this.onChange();
    };
    hold(true);
    const body: AsyncIterator<Uint8Array> = {
      next: async () => {
        hold(false);
        const result = await this.#during(() => chunks.next(), keepsWaiting);
        hold(result.done !== true);
        return result;
      },
      return: async () => {
        hold(false);
        return (await chunks.return?.()) ?? { done: true, value: undefined };
      },
    };
    return { [Symbol.asyncIterator]: () => body };
  }

  #astray(request: TransportRequest): Astray | undefined {
    const fault = this.#fault;
    if (fault === undefined || fault.left === 0 || fault.step !== this.#stepOf(request)) return undefined;
    fault.left--;
    this.met++;
    return fault.astray;
  }

  #stepOf({ url, body }: TransportRequest): Step {
    if (url.endsWith("/auth_requests")) return "authorise";
    if (url.endsWith("/attributes")) return "inventory";
    if (url.endsWith("/next")) return "poll";
    if (url.endsWith("/log")) return "log";
    if (!url.endsWith("/status")) return "download";
    const { status } = JSON.parse(Buffer.from(body ?? []).toString());
    if (status === "success" || status === "failure") return "final";
    return this.isRebooted ? "reach" : status;
  }

  async #during<T>(work: () => Promise<T>, keepsWaiting: boolean): Promise<T> {
    this.#open++;
    if (keepsWaiting) this.#waiting++;
    this.onChange();
    try {
      return await work();
    } finally {
      this.#open--;
      if (keepsWaiting) this.#waiting--;
      this.onChange();
    }
  }
}
