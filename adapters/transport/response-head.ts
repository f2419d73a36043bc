import type { Incoming } from "./incoming.ts";

export interface ResponseHead {
  readonly status: number;
  /** Keys are in lower case; repeated headers are joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
}

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_INFORMATIONAL = 8;
const STATUS_LINE = /^HTTP\/1\.[01] ([1-5]\d\d)(?: .*)?$/;
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/;
/** Headers that must not occur twice with different values: the response would be ambiguous. */
const SINGLE: ReadonlySet<string> = new Set(["content-length", "content-range", "etag", "last-modified", "location"]);

/**
 * Reads the head of a response and skips informational ones before it (100, 103).
 *
 * @throws {Error} if the head is malformed, too long or truncated
 * @see RFC 9112
 */
export async function readHead(incoming: Incoming): Promise<ResponseHead> {
  let text = "";
  for (let passed = 0; passed <= MAX_INFORMATIONAL; ) {
    const bytes = await incoming.next();
    if (bytes === undefined) throw new Error(text === "" ? "no answer" : "the head of the answer is incomplete");
    const searchFrom = Math.max(0, text.length - 3);
    const before = text.length;
    text += bytes.toString("latin1", 0, MAX_HEAD_BYTES);
    const end = /\r?\n\r?\n/.exec(text.slice(searchFrom));
    if (end === null) {
      if (text.length > MAX_HEAD_BYTES) throw new Error("the head of the answer is too long");
      continue;
    }
    const length = searchFrom + end.index + end[0].length;
    incoming.unread(bytes.subarray(length - before));
    const head = parseHead(text.slice(0, searchFrom + end.index));
    if (head.status >= 200) return head;
    passed += 1;
    text = "";
  }
  throw new Error("informational answers without end");
}

function parseHead(text: string): ResponseHead {
  const [first = "", ...lines] = text.split(/\r?\n/);
  const status = STATUS_LINE.exec(first)?.[1];
  if (status === undefined) throw new Error("the answer is not HTTP/1.1");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, rawName = "", value = ""] = HEADER_LINE.exec(line) ?? [];
    if (rawName === "") throw new Error("the answer has a header that is none");
    const name = rawName.toLowerCase();
    const known = headers.get(name);
    if (known !== undefined && known !== value && SINGLE.has(name)) throw new Error(`the answer has two of ${name}`);
    headers.set(name, known === undefined || SINGLE.has(name) ? value : `${known}, ${value}`);
  }
  return { status: Number(status), headers: Object.fromEntries(headers) };
}
