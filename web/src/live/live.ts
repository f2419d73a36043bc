import { tellSignedOut } from "../api/client.ts";
import { readFrames } from "./frames.ts";

/** What the tabs of a browser tell each other. */
type News =
  | { readonly kind: "event"; readonly type: string }
  | { readonly kind: "alive"; readonly at: number }
  | { readonly kind: "away" };

export interface LiveState {
  /** `live`: events come. `away`: the stream is broken, and the console tries again. */
  readonly state: "live" | "away";
  /** When the stream was heard last, in milliseconds since 1970. */
  readonly at: number;
}

const EVENTS = "/api/management/v1/events";
const SILENCE_MS = 35_000;
const RETRY_LEAST_MS = 1000;
const RETRY_MOST_MS = 30_000;

/**
 * Follows what happens on the server. One tab of a browser reads the stream, and tells the others: HTTP/1.1 has six
 * connections for all of them.
 */
export class Live {
  state: LiveState = { state: "away", at: Date.now() };
  readonly #listeners = new Set<() => void>();
  readonly #onEvent: (type: string) => void;
  readonly #channel = new BroadcastChannel("switchback-events");
  readonly #ending = new AbortController();
  #lastId: string | undefined;

  constructor(onEvent: (type: string) => void) {
    this.#onEvent = onEvent;
    this.#channel.addEventListener("message", ({ data }: MessageEvent<News>) => this.#hear(data));
    const { signal } = this.#ending;
    const hold = (): Promise<void> => this.#follow(signal);
    // Without locks, as on a page over plain HTTP, each tab reads its own stream.
    const followed = navigator.locks?.request("switchback-events", { signal }, hold) ?? hold();
    followed.catch(() => {}); // ignored: the page ends.
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): LiveState => this.state;

  end(): void {
    this.#ending.abort();
    this.#channel.close();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    let waitMs = RETRY_LEAST_MS;
    while (!signal.aborted) {
      try {
        await this.#read(signal, (ms) => {
          waitMs = ms;
        });
      } catch {
        // ignored: the state below says that the stream is away.
      }
      if (signal.aborted) return;
      this.#tell({ kind: "away" });
      await new Promise((resolve) => setTimeout(resolve, waitMs * (0.5 + Math.random())));
      waitMs = Math.min(waitMs * 2, RETRY_MOST_MS);
    }
  }

  async #read(signal: AbortSignal, wait: (ms: number) => void): Promise<void> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      const answer = await fetch(EVENTS, {
        signal: AbortSignal.any([signal, silence.signal]),
        headers: { accept: "text/event-stream", ...(this.#lastId !== undefined && { "last-event-id": this.#lastId }) },
      });
      if (answer.status === 401) tellSignedOut();
      if (!answer.ok || answer.body === null) return;
      for await (const { type, id, retry } of readFrames(answer.body)) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        wait(retry ?? RETRY_LEAST_MS);
        if (id !== undefined) this.#lastId = id;
        this.#tell({ kind: "alive", at: Date.now() });
        if (type !== undefined) this.#tell({ kind: "event", type });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #tell(news: News): void {
    this.#channel.postMessage(news);
    this.#hear(news);
  }

  #hear(news: News): void {
    if (news.kind === "event") {
      this.#onEvent(news.type);
      return;
    }
    this.state = news.kind === "alive" ? { state: "live", at: news.at } : { ...this.state, state: "away" };
    for (const listener of this.#listeners) listener();
  }
}
