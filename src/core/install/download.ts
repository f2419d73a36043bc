import { AgentError } from "../../errors/agent-error.ts";
import { entryOf } from "../../errors/catalogue.ts";
import type { TransportRequest, TransportResponse } from "../../ports/transport.ts";
import type { ByteSource } from "../../util/byte-source.ts";
import { shownUrl } from "../../util/shown-url.ts";
import type { DownloadParts } from "./download-parts.ts";
import { type ByteRange, checkRangeResponse, factsOf, passes, rangeHeaders, type SourceFacts } from "./range-answer.ts";
import { RateLimiter } from "./rate.ts";
import { sendWithDeadlines } from "./send-with-deadlines.ts";
import { Tries } from "./tries.ts";

/** The position of a download that was interrupted together with the agent. */
export interface DownloadStart {
  readonly uri: string;
  /** Resumes since the last progress, including this one. */
  readonly resumes: number;
  /** The first request covers only this many bytes; `jump` then sets where to continue. */
  readonly headBytes: number;
  readonly lengthBytes: number;
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
}

/**
 * The bytes of an http(s) source. After a broken connection, it waits and resumes where it stopped, if the first
 * response had a length and nothing indicates that the source has changed.
 */
export interface Download extends ByteSource {
  /** `undefined` if the source did not send its length. */
  readonly facts: SourceFacts | undefined;
  readonly resumes: number;
  /** Continues at this byte of the source, which must not lie before the bytes already read. */
  jump(toByte: number): void;
}

/** Fewer bytes do not count as progress: a source that always breaks off early would otherwise retry for ever. */
const PROGRESS_BYTES = 16 * 1024;

/** @throws `error` if a retry of the request cannot succeed */
function passingTrouble(error: unknown, signal: AbortSignal): AgentError {
  signal.throwIfAborted();
  if (!(error instanceof AgentError) || entryOf(error.code).retry !== true) throw error;
  return error;
}

export interface FirstRequest {
  readonly uri: string;
  readonly resumes?: number;
  /** How often the first request is retried; absent: as often as any other. */
  readonly retries?: number;
}

/**
 * Requests all of `uri`, or resumes `start`.
 *
 * @throws {AgentError} SOURCE_STATUS, what the transport throws, and from reading also DOWNLOAD_CHANGED,
 * DOWNLOAD_RANGE, DOWNLOAD_BROKEN
 */
export async function openDownload(
  from: FirstRequest | DownloadStart,
  parts: DownloadParts,
  signal: AbortSignal,
): Promise<Download> {
  const { uri, resumes = 0 } = from;
  const tries = new Tries(uri, parts, resumes);
  if ("headBytes" in from) return new ResumingDownload(uri, parts, signal, tries, factsIn(from), from.headBytes);
  const limit = from.retries ?? parts.limits.retryDownloadCount;
  for (;;) {
    const answer = await firstAnswer(uri, parts, signal);
    if (!(answer instanceof AgentError)) {
      const download = new ResumingDownload(uri, parts, signal, tries, factsOf(answer.headers));
      download.begin(answer);
      return download;
    }
    await tries.waitAfter(answer, 0, limit, signal);
  }
}

/** The response, or a failure worth a retry. */
async function firstAnswer(
  uri: string,
  parts: DownloadParts,
  signal: AbortSignal,
): Promise<TransportResponse | AgentError> {
  const response = await sendOrTrouble({ url: uri }, parts, signal);
  if (response instanceof AgentError) return response;
  if (response.status === 200) return response;
  await response.body[Symbol.asyncIterator]().return?.();
  const refused = new AgentError("SOURCE_STATUS", { url: shownUrl(uri), status: response.status });
  if (passes(response.status)) return refused;
  throw refused;
}

async function sendOrTrouble(
  request: Pick<TransportRequest, "url" | "headers">,
  { transport, clock, limits: { slowest } }: DownloadParts,
  signal: AbortSignal,
): Promise<TransportResponse | AgentError> {
  const get = { method: "GET", followRedirects: true, ...request } as const;
  try {
    return await sendWithDeadlines(get, { transport, clock, slowest }, shownUrl(request.url), signal);
  } catch (error) {
    return passingTrouble(error, signal);
  }
}

interface Body {
  readonly chunks: AsyncIterator<Uint8Array>;
  readonly toByte: number;
}

class ResumingDownload implements Download {
  readonly facts: SourceFacts | undefined;
  readonly #tries: Tries;
  readonly #uri: string;
  readonly #parts: DownloadParts;
  readonly #signal: AbortSignal;
  readonly #limiter: RateLimiter;
  #body: Body | undefined;
  /** The unread rest of the last chunk. */
  #rest: Uint8Array = new Uint8Array(0);
  /** Position of `#rest`, and of the body's next bytes after it, in the source. */
  #restByte = 0;
  #nextByte = 0;
  #toByte: number;
  /** Position from which progress is counted. */
  #countedFrom: number;

  constructor(
    uri: string,
    parts: DownloadParts,
    signal: AbortSignal,
    tries: Tries,
    facts: SourceFacts | undefined,
    headBytes?: number,
  ) {
    this.#uri = uri;
    this.#parts = parts;
    this.#signal = signal;
    this.#limiter = new RateLimiter(parts.clock, parts.limits.bytesPerSecond);
    this.facts = facts;
    this.#tries = tries;
    this.#toByte = Math.min(headBytes ?? Number.POSITIVE_INFINITY, facts?.lengthBytes ?? Number.POSITIVE_INFINITY);
    // The head is fetched again: reaching the old position is not progress.
    this.#countedFrom = headBytes === undefined ? 0 : Number.POSITIVE_INFINITY;
  }

  get resumes(): number {
    return this.#tries.count;
  }

  /** Takes the body of the first response, which holds the whole source. */
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
    this.#countedFrom = toByte;
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
    if (this.#nextByte - this.#countedFrom >= PROGRESS_BYTES) {
      this.#countedFrom = this.#nextByte;
      this.#tries.count = 0;
    }
    await this.#limiter.after(count, this.#signal);
    return count;
  }

  /** Gets the next chunk, or waits after a failure. @returns false at the end of a source of unknown length */
  async #fetch(): Promise<boolean> {
    // The request covered only the head, and the caller now needs bytes after it.
    if (this.#body !== undefined && this.#body.toByte <= this.#nextByte) await this.#leaveBody();
    const body = this.#body ?? (await this.#ask());
    let trouble: AgentError | undefined;
    if (body instanceof AgentError) trouble = body;
    else {
      this.#body = body;
      try {
        const { done, value } = await body.chunks.next();
        if (done !== true) {
          this.#rest = value.subarray(0, body.toByte - this.#restByte);
          return true;
        }
      } catch (error) {
        trouble = passingTrouble(error, this.#signal);
        if (this.facts === undefined) throw trouble;
      }
      if (this.facts === undefined) return false;
    }
    this.#body = undefined;
    await this.#tries.waitAfter(trouble, this.#nextByte, this.#parts.limits.retryDownloadCount, this.#signal);
    return true;
  }

  /** The body, or a failure worth a retry. @throws {AgentError} if the response excludes a retry */
  async #ask(): Promise<Body | AgentError> {
    const { facts } = this;
    if (facts === undefined) throw new Error("nothing can be asked for twice without its length");
    const wanted: ByteRange = { fromByte: this.#nextByte, toByte: this.#toByte };
    const request = { url: this.#uri, headers: rangeHeaders(wanted, facts) };
    const response = await sendOrTrouble(request, this.#parts, this.#signal);
    if (response instanceof AgentError) return response;
    const answer = checkRangeResponse(response.status, response.headers, wanted, facts);
    const chunks = response.body[Symbol.asyncIterator]();
    if (answer.kind === "bytes") {
      this.#restByte = answer.range.fromByte;
      this.#rest = new Uint8Array(0);
      return { chunks, toByte: answer.range.toByte };
    }
    await chunks.return?.();
    const { reason } = answer;
    if (answer.kind === "changed") throw new AgentError("DOWNLOAD_CHANGED", { url: shownUrl(this.#uri), reason });
    if (response.status === 206) throw new AgentError("DOWNLOAD_RANGE", { url: shownUrl(this.#uri), reason });
    const refused = new AgentError("SOURCE_STATUS", { url: shownUrl(this.#uri), status: response.status });
    if (answer.kind === "again") return refused;
    throw refused;
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
