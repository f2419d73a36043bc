import * as z from "zod/mini";
import type { LogMessage } from "../../ports/deployment-server.ts";
import type { LogLevel } from "../../util/logger.ts";

/** Servers take a million bytes; the rest is for what stands around the messages. */
const MAX_BYTES = 1_000_000 - 256;

const Entry = z.object({ level: z.string(), message: z.string(), timestamp: z.iso.datetime({ offset: true }) });

/** One line of the log on disk. */
export const logLine = (level: LogLevel, message: string, nowMs: number): string =>
  `${JSON.stringify({ level, message, timestamp: new Date(nowMs).toISOString() })}\n`;

/** The end of a log as it stands on disk. */
export interface LogTail {
  readonly text: string;
  /** More stands before it, so that its first line may be torn. */
  readonly isCut: boolean;
}

/** How much of the end of a log is enough for `readLog`. */
export const LOG_TAIL_BYTES = MAX_BYTES;

/**
 * The messages of a log, as many of the newest as a server takes. A line that a power cut has torn, or anything else
 * that is no entry, leaves an entry that says so at its place.
 *
 * @see spec "device-api", section 5
 */
export function readLog({ text, isCut }: LogTail): readonly LogMessage[] {
  const lines = text.split("\n");
  if (isCut) lines.shift();
  const messages: LogMessage[] = [];
  let timestamp = new Date(0).toISOString();
  let isCorrupted = false;
  for (const line of lines.filter((one) => one !== "")) {
    const entry = parse(line);
    isCorrupted ||= entry === undefined;
    timestamp = entry?.timestamp ?? timestamp;
    messages.push(entry ?? { level: "error", message: "(CORRUPTED LOG DATA)", timestamp });
  }
  const notes = isCorrupted ? [note("error", "The log holds entries that cannot be read", messages)] : [];
  const kept = newest(messages, MAX_BYTES - sizeOf(notes) - RESERVED_BYTES);
  const isShort = isCut || kept.length < messages.length;
  if (isShort) notes.unshift(note("warning", "The log is too long for the server; its beginning is left out", kept));
  return [...notes, ...kept];
}

/** For the note that something has been left out. */
const RESERVED_BYTES = 256;

function parse(line: string): LogMessage | undefined {
  try {
    return Entry.safeParse(JSON.parse(line)).data;
  } catch {
    // ignored: what is no JSON is no entry, and is said to be none.
    return undefined;
  }
}

const note = (level: LogLevel, message: string, beside: readonly LogMessage[]): LogMessage => ({
  level,
  message,
  timestamp: beside[0]?.timestamp ?? new Date(0).toISOString(),
});

function newest(messages: readonly LogMessage[], maxBytes: number): readonly LogMessage[] {
  let left = maxBytes;
  let first = messages.length;
  for (; first > 0; first -= 1) {
    left -= sizeOf(messages.slice(first - 1, first));
    if (left < 0) break;
  }
  return messages.slice(first);
}

/** Bytes of the messages in a request, each with the comma behind it. */
const sizeOf = (messages: readonly LogMessage[]): number =>
  messages.reduce((sum, message) => sum + Buffer.byteLength(JSON.stringify(message)) + 1, 0);
