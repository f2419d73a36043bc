/** Facts that tell whether the content of a URL has changed. */
export interface SourceFacts {
  readonly lengthBytes: number;
  readonly etag?: string;
  readonly lastModified?: string;
}

/** A range of bytes in the source. */
export interface ByteRange {
  readonly fromByte: number;
  /** Exclusive. */
  readonly toByte: number;
}

/**
 * `again`: a temporary failure. `changed`: the source is no longer the one first requested. `refused`: a permanent
 * failure.
 */
export type RangeAnswer =
  | { readonly kind: "bytes"; readonly range: ByteRange }
  | { readonly kind: "again" | "changed" | "refused"; readonly reason: string };

type Headers = Readonly<Record<string, string>>;

/** The facts of a first response (200); `undefined` without a length, which a resume needs. */
export function factsOf(headers: Headers): SourceFacts | undefined {
  const text = headers["content-length"];
  const lengthBytes = text !== undefined && /^\d+$/.test(text) ? Number(text) : 0;
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes === 0) return undefined;
  return { lengthBytes, ...validators(headers) };
}

/** Headers of a request for `range`. `If-Range` needs a strong ETag. @see RFC 9110, section 13.1.5 */
export function rangeHeaders({ fromByte, toByte }: ByteRange, { etag }: SourceFacts): Record<string, string> {
  return {
    Range: `bytes=${fromByte}-${toByte - 1}`,
    ...(etag?.startsWith('"') === true && { "If-Range": etag }),
  };
}

/**
 * Checks the response to a request for `wanted`. The bytes may begin before `wanted` and end before its end, and
 * without Range they are the whole source: the reader must skip what comes before, and ask again for the rest.
 */
export function checkRangeResponse(
  status: number,
  headers: Headers,
  wanted: ByteRange,
  facts: SourceFacts,
): RangeAnswer {
  if (status === 206) return checkPartialResponse(headers, wanted, facts);
  if (status === 200) {
    const changed = difference(factsOf(headers), facts);
    if (changed !== undefined) return { kind: "changed", reason: changed };
    return { kind: "bytes", range: { fromByte: 0, toByte: facts.lengthBytes } };
  }
  if (status === 416) return { kind: "changed", reason: "there is no such range" };
  return { kind: passes(status) ? "again" : "refused", reason: `status ${status}` };
}

/** Whether a retry of the same request may get another status. */
export const passes = (status: number): boolean => status === 408 || status === 425 || status === 429 || status >= 500;

const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(\d+|\*)$/;

function checkPartialResponse(headers: Headers, wanted: ByteRange, facts: SourceFacts): RangeAnswer {
  const [, first = "", last = "", size = ""] = CONTENT_RANGE.exec(headers["content-range"] ?? "") ?? [];
  if (first === "") return { kind: "refused", reason: "no Content-Range" };
  const now = { lengthBytes: size === "*" ? facts.lengthBytes : Number(size), ...validators(headers) };
  const changed = difference(now, facts);
  if (changed !== undefined) return { kind: "changed", reason: changed };
  const range = { fromByte: Number(first), toByte: Number(last) + 1 };
  const fits = range.fromByte <= wanted.fromByte && range.toByte > wanted.fromByte && range.toByte <= facts.lengthBytes;
  if (!fits) return { kind: "refused", reason: `the range is not ${wanted.fromByte}-${wanted.toByte - 1}` };
  return { kind: "bytes", range };
}

const validators = ({ etag, "last-modified": lastModified }: Headers): Partial<SourceFacts> => ({
  ...(etag !== undefined && { etag }),
  ...(lastModified !== undefined && { lastModified }),
});

/** The first fact that both have and that differs. */
function difference(now: SourceFacts | undefined, then: SourceFacts): string | undefined {
  if (now === undefined || now.lengthBytes !== then.lengthBytes) return "another length";
  // Weak comparison: a server that compresses its responses may send W/"abc" for what it called "abc" before.
  if (now.etag !== undefined && then.etag !== undefined)
    return opaque(now.etag) === opaque(then.etag) ? undefined : "another ETag";
  const dated = now.lastModified !== undefined && then.lastModified !== undefined;
  return dated && now.lastModified !== then.lastModified ? "another date" : undefined;
}

const opaque = (etag: string): string => etag.replace(/^W\//, "");
