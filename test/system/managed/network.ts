import type { Transport, TransportRequest } from "../../../src/ports/transport.ts";

/** What an agent asks a server for in a deployment, in that order. */
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

/** Where a request goes astray to. */
export interface Astray {
  readonly address: string;
  /** The connection stays open there, and nothing comes, or now and then a byte of what does not end. */
  readonly keepsWaiting?: "silently" | "dripping";
}

/** What lies between an agent and its server: it sends requests astray, and knows what is on its way. */
export class Network {
  /** Whether the device has been restarted since the download. */
  isRebooted = false;
  /** Requests that went astray. */
  met = 0;
  /** Is called when something is sent, or has arrived. */
  onChange: () => void = () => undefined;
  #fault: { readonly step: Step; readonly astray: Astray; left: number } | undefined;
  #open = 0;
  #waiting = 0;
  #held = 0;

  /** The next `times` requests of `step` go astray. */
  break(step: Step, astray: Astray, times: number): void {
    this.#fault = { step, astray, left: times };
  }

  heal(): void {
    this.#fault = undefined;
  }

  /** Whether nothing is on its way that will arrive by itself, but for single bytes, and no body is read from. */
  get isSilent(): boolean {
    return this.#held === 0 && this.#open === this.#waiting;
  }

  /** Whether such bytes are what is waited for. */
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

  /** Between two chunks of a body it is the agent that is at work. */
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
