import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Transport, TransportRequest, TransportResponse } from "../../ports/transport.ts";
import type { ByteSource } from "../../util/byte-source.ts";
import type { Logger } from "../../util/logger.ts";
import { Pace, type SlowestPace } from "./pace.ts";
import { type ByteRange, factsOf, judgeRange, rangeHeaders, type SourceFacts } from "./range-answer.ts";
import { sendHeld } from "./send-held.ts";

export interface DownloadLimits {
  /** Times that one download may be taken up again. */
  readonly retryDownloadCount: number;
  /** Wait before that. */
  readonly retryDownloadWaitMs: number;
  readonly bytesPerSecond?: number;
  /** A download that is slower breaks off. */
  readonly slowest: SlowestPace;
}

export interface DownloadParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: DownloadLimits;
}

/** Where a download was when it was cut off together with the agent. */
export interface DownloadStart {
  readonly uri: string;
  /** Times that it was taken up again, this one included. */
  readonly resumes: number;
  /** The first request asks for that many bytes only; then `jump` says where to go on. */
  readonly headBytes: number;
  readonly lengthBytes: number;
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
}

/**
 * The bytes of an http(s) source. A break is waited out, and the source is taken up again where it broke off, as long
 * as its first answer told a length and nothing says that it has changed.
 *
 * @see spec "device-api", section 7
 */
export interface Download extends ByteSource {
  /** `undefined` for a source that did not tell its length. */
  readonly facts: SourceFacts | undefined;
  readonly resumes: number;
  /** Goes on at that byte of the source, which must not lie before what has been read. */
  jump(toByte: number): void;
}

/**
 * Asks for the whole of `uri`, or takes up `start`.
 *
 * @throws {AgentError} SOURCE_STATUS, TRANSPORT_FAILED, and from reading also DOWNLOAD_CHANGED, DOWNLOAD_RANGE,
 * DOWNLOAD_BROKEN
 */
export async function openDownload(
  from: { readonly uri: string; readonly resumes?: number } | DownloadStart,
  parts: DownloadParts,
  signal: AbortSignal,
): Promise<Download> {
  if ("headBytes" in from) {
    return new ResumingDownload(from.uri, parts, signal, factsIn(from), from.resumes, from.headBytes);
  }
  const response = await send({ url: from.uri }, parts, signal);
  if (response.status !== 200) {
    await response.body[Symbol.asyncIterator]().return?.();
    throw new AgentError("SOURCE_STATUS", { url: shown(from.uri), status: response.status });
  }
  const facts = factsOf(response.headers);
  const download = new ResumingDownload(from.uri, parts, signal, facts, from.resumes ?? 0, Number.POSITIVE_INFINITY);
  download.begin(response);
  return download;
}

const send = (
  request: Pick<TransportRequest, "url" | "headers">,
  { transport, clock, limits: { slowest } }: DownloadParts,
  signal: AbortSignal,
): Promise<TransportResponse> =>
  sendHeld(
    { method: "GET", followRedirects: true, ...request },
    { transport, clock, slowest },
    shown(request.url),
    signal,
  );

type Chunks = AsyncIterator<Uint8Array>;

class ResumingDownload implements Download {
  readonly facts: SourceFacts | undefined;
  resumes: number;
  readonly #uri: string;
  readonly #parts: DownloadParts;
  readonly #signal: AbortSignal;
  readonly #pace: Pace;
  #body: { readonly chunks: Chunks; readonly toByte: number } | undefined;
  /** Of the chunk that came last, what has not been given out. */
  #rest: Uint8Array = new Uint8Array(0);
  /** Place of `#rest`, and of what the body gives next behind it, in the source. */
  #restByte = 0;
  #nextByte = 0;
  #toByte: number;

  constructor(
    uri: string,
    parts: DownloadParts,
    signal: AbortSignal,
    facts: SourceFacts | undefined,
    resumes: number,
    toByte: number,
  ) {
    this.#uri = uri;
    this.#parts = parts;
    this.#signal = signal;
    this.#pace = new Pace(parts.clock, parts.limits.bytesPerSecond);
    this.facts = facts;
    this.resumes = resumes;
    this.#toByte = Math.min(toByte, facts?.lengthBytes ?? Number.POSITIVE_INFINITY);
  }

  /** The whole source is on its way. */
  begin({ body }: TransportResponse): void {
    this.#body = { chunks: body[Symbol.asyncIterator](), toByte: this.#toByte };
  }

  async read(into: Uint8Array): Promise<number> {
    while (this.#nextByte < this.#toByte) {
      const skipped = Math.min(this.#nextByte - this.#restByte, this.#rest.length);
      this.#drop(skipped);
      if (this.#rest.length > 0) return await this.#give(into);
      if (!(await this.#fetch())) return 0;
    }
    return 0;
  }

  jump(toByte: number): void {
    this.#nextByte = toByte;
    this.#toByte = this.facts?.lengthBytes ?? Number.POSITIVE_INFINITY;
  }

  close(): Promise<void> {
    return this.#leaveBody();
  }

  #drop(count: number): void {
    this.#rest = this.#rest.subarray(count);
    this.#restByte += count;
  }

  async #give(into: Uint8Array): Promise<number> {
    const count = Math.min(into.length, this.#rest.length, this.#toByte - this.#nextByte);
    into.set(this.#rest.subarray(0, count));
    this.#drop(count);
    this.#nextByte += count;
    await this.#pace.after(count, this.#signal);
    return count;
  }

  /** Gets the next chunk, or waits out a break. @returns false at the end of a source of unknown length */
  async #fetch(): Promise<boolean> {
    let trouble: unknown;
    try {
      // The head alone was asked for, and something behind it is wanted now.
      if (this.#body !== undefined && this.#body.toByte <= this.#nextByte) await this.#leaveBody();
      this.#body ??= await this.#ask();
      const { done, value } = await this.#body.chunks.next();
      if (done !== true) {
        this.#rest = value.subarray(0, this.#body.toByte - this.#restByte);
        return true;
      }
      if (this.facts === undefined) return false;
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!(error instanceof AgentError) || error.code !== "TRANSPORT_FAILED" || this.facts === undefined) throw error;
      trouble = error;
    }
    this.#body = undefined;
    await this.#waitBefore(trouble);
    return true;
  }

  async #ask(): Promise<{ chunks: Chunks; toByte: number }> {
    const { facts } = this;
    if (facts === undefined) throw new Error("nothing can be asked for twice without its length");
    const wanted: ByteRange = { fromByte: this.#nextByte, toByte: this.#toByte };
    const response = await send({ url: this.#uri, headers: rangeHeaders(wanted, facts) }, this.#parts, this.#signal);
    const answer = judgeRange(response.status, response.headers, wanted, facts);
    const chunks = response.body[Symbol.asyncIterator]();
    if (answer.kind === "bytes") {
      this.#restByte = answer.range.fromByte;
      this.#rest = new Uint8Array(0);
      return { chunks, toByte: answer.range.toByte };
    }
    await chunks.return?.();
    const detail = { url: shown(this.#uri), reason: answer.reason };
    if (answer.kind === "again") throw new AgentError("TRANSPORT_FAILED", detail);
    if (answer.kind === "changed") throw new AgentError("DOWNLOAD_CHANGED", detail);
    throw response.status === 206
      ? new AgentError("DOWNLOAD_RANGE", detail)
      : new AgentError("SOURCE_STATUS", { url: shown(this.#uri), status: response.status });
  }

  async #waitBefore(trouble: unknown): Promise<void> {
    const { clock, log, limits } = this.#parts;
    const at = { url: shown(this.#uri), byte: this.#nextByte, resumes: this.resumes };
    if (this.resumes >= limits.retryDownloadCount) throw new AgentError("DOWNLOAD_BROKEN", at, trouble);
    this.resumes += 1;
    const why = trouble instanceof AgentError ? `: ${describeError(trouble)}` : "";
    log("warning", `The download broke off at byte ${at.byte}; going on in ${limits.retryDownloadWaitMs} ms${why}`);
    await clock.sleep(limits.retryDownloadWaitMs, this.#signal);
  }

  async #leaveBody(): Promise<void> {
    const body = this.#body;
    this.#body = undefined;
    await body?.chunks.return?.();
  }
}

const factsIn = ({ lengthBytes, etag, lastModified }: DownloadStart): SourceFacts => ({
  lengthBytes,
  ...(etag !== undefined && { etag }),
  ...(lastModified !== undefined && { lastModified }),
});

/** Download links hold signatures in their queries, and may hold passwords: neither is for a log. */
function shown(uri: string): string {
  if (!URL.canParse(uri)) return "";
  const { origin, pathname } = new URL(uri);
  return origin + pathname;
}
