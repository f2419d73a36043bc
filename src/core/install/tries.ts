import { AgentError, describeError } from "../../errors/agent-error.ts";
import { shownUrl } from "../../util/shown-url.ts";
import type { DownloadParts } from "./download-parts.ts";

const FIRST_WAIT_MS = 1000;

/** Counts the attempts in a row without progress, and waits between them. */
export class Tries {
  count: number;
  readonly #uri: string;
  readonly #parts: DownloadParts;

  constructor(uri: string, parts: DownloadParts, count: number) {
    this.#uri = uri;
    this.#parts = parts;
    this.count = count;
  }

  /** @throws {AgentError} DOWNLOAD_BROKEN after too many attempts; before the first byte, `trouble` itself */
  async waitAfter(trouble: unknown, byte: number, limit: number, signal: AbortSignal): Promise<void> {
    const { clock, log, limits, random = Math.random } = this.#parts;
    if (this.count >= limit) {
      if (byte === 0 && trouble !== undefined) throw trouble;
      throw new AgentError("DOWNLOAD_BROKEN", { url: shownUrl(this.#uri), byte, resumes: this.count }, trouble);
    }
    const longestMs = Math.min(limits.retryDownloadWaitMs, FIRST_WAIT_MS * 2 ** this.count);
    const waitMs = Math.round(longestMs * (1 + random()) * 0.5);
    this.count += 1;
    const why = trouble instanceof AgentError ? `: ${describeError(trouble)}` : "";
    log("warning", `The download broke off at byte ${byte}; resuming in ${waitMs} ms${why}`);
    await clock.sleep(waitMs, signal);
  }
}
