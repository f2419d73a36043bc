import type { Incoming } from "./incoming.ts";
import type { ResponseHead } from "./response-head.ts";

const MAX_LINE_BYTES = 8 * 1024;
const MAX_TRAILER_LINES = 100;
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 304]);

/** How the receiver recognizes the end of a body. `none`: there is no body, and the connection can close. */
export type Framing =
  | { readonly kind: "none" | "chunked" | "untilClose" }
  | { readonly kind: "length"; readonly bytes: number };

/**
 * @throws {Error} if the headers contradict each other or are invalid
 * @see RFC 9112, section 6.3
 */
export function framingOf({ status, headers }: ResponseHead): Framing {
  if (WITHOUT_BODY.has(status)) return { kind: "none" };
  const coding = headers["transfer-encoding"];
  const length = headers["content-length"];
  if (coding !== undefined) {
    if (length !== undefined || coding.toLowerCase() !== "chunked") throw new Error("the answer's length is ambiguous");
    return { kind: "chunked" };
  }
  if (length === undefined) return { kind: "untilClose" };
  const bytes = /^\d+$/.test(length) ? Number(length) : Number.NaN;
  if (!Number.isSafeInteger(bytes)) throw new Error("the answer's length is not a number");
  return bytes === 0 ? { kind: "none" } : { kind: "length", bytes };
}

/** Yields the body without its framing. @throws {Error} if the body ends early or its chunks are malformed */
export function bodyOf(incoming: Incoming, framing: Framing): AsyncIterable<Uint8Array> {
  if (framing.kind === "length") return sized(incoming, framing.bytes);
  if (framing.kind === "chunked") return chunked(incoming);
  return framing.kind === "untilClose" ? untilClose(incoming) : none();
}

async function* none(): AsyncGenerator<Uint8Array> {}

async function* untilClose(incoming: Incoming): AsyncGenerator<Uint8Array> {
  for (let bytes = await incoming.next(); bytes !== undefined; bytes = await incoming.next()) yield bytes;
}

async function* sized(incoming: Incoming, total: number): AsyncGenerator<Uint8Array> {
  for (let left = total; left > 0; ) {
    const bytes = await incoming.next();
    if (bytes === undefined) throw new Error(`the body is incomplete: ${left} of ${total} bytes are missing`);
    const own = bytes.subarray(0, left);
    left -= own.length;
    yield own;
  }
}

async function* chunked(incoming: Incoming): AsyncGenerator<Uint8Array> {
  for (;;) {
    const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(await line(incoming))?.[1];
    if (size === undefined) throw new Error("the body's chunks are damaged");
    let left = Number.parseInt(size, 16);
    if (left === 0) break;
    while (left > 0) {
      const bytes = await incoming.next();
      if (bytes === undefined) throw new Error("the body is incomplete");
      incoming.unread(bytes.subarray(left));
      const own = bytes.subarray(0, left);
      left -= own.length;
      yield own;
    }
    if ((await line(incoming)) !== "") throw new Error("the body's chunks are damaged");
  }
  for (let trailers = 0; (await line(incoming)) !== ""; trailers++)
    if (trailers === MAX_TRAILER_LINES) throw new Error("the body's trailers have no end");
}

async function line(incoming: Incoming): Promise<string> {
  let text = "";
  for (;;) {
    const bytes = await incoming.next();
    if (bytes === undefined) throw new Error("the body is incomplete");
    const end = bytes.indexOf(0x0a);
    const part = end < 0 ? bytes : bytes.subarray(0, end);
    text += part.toString("latin1");
    if (text.length > MAX_LINE_BYTES) throw new Error("the body's chunks are damaged");
    if (end < 0) continue;
    incoming.unread(bytes.subarray(end + 1));
    return text.endsWith("\r") ? text.slice(0, -1) : text;
  }
}
