import * as z from "zod/mini";
import { printable } from "../../errors/agent-error.ts";
import type { LogMessage } from "../../ports/deployment-server.ts";
import type { LogLevel } from "../../util/logger.ts";

/** Servers accept a million bytes; the rest is for the JSON around the messages. */
const MAX_BYTES = 1_000_000 - 256;

const Entry = z.object({ level: z.string(), message: z.string(), timestamp: z.iso.datetime({ offset: true }) });

/** One line of the log on disk. */
export const logLine = (level: LogLevel, message: string, nowMs: number): string =>
  `${JSON.stringify({ level, message: printable(message), timestamp: new Date(nowMs).toISOString() })}\n`;

/** The end of a log on disk. */
export interface LogTail {
  readonly text: string;
  /** The log has earlier text, so the first line may be torn. */
  readonly isCut: boolean;
}

/** Bytes at the end of a log that `readLog` needs. */
export const LOG_TAIL_BYTES = MAX_BYTES;

/**
 * Returns the messages of a log: as many of the newest as a server accepts. A line torn by a power cut, or any other
 * invalid line, becomes an entry that says so.
 */
export function readLog({ text, isCut }: LogTail): readonly LogMessage[] {
  const lines = text
    .split("\n")
    .slice(isCut ? 1 : 0)
    .filter((line) => line !== "");
  const newest: (LogMessage | undefined)[] = [];
  let leftBytes = MAX_BYTES - RESERVED_BYTES;
  for (let n = lines.length - 1; n >= 0; n -= 1) {
    const entry = parse(lines[n] ?? "");
    leftBytes -= Buffer.byteLength(JSON.stringify(entry ?? corrupted(NEVER))) + 1;
    if (leftBytes < 0) break;
    newest.push(entry);
  }
  const kept = newest.toReversed();
  let timestamp = NEVER;
  const messages = kept.map((entry): LogMessage => {
    timestamp = entry?.timestamp ?? timestamp;
    return entry ?? corrupted(timestamp);
  });
  const beginning = messages[0]?.timestamp ?? NEVER;
  const note = (level: LogLevel, message: string): LogMessage => ({ level, message, timestamp: beginning });
  const isShort = isCut || kept.length < lines.length;
  return [
    ...(isShort ? [note("warning", "The log is too long for the server; its beginning is left out")] : []),
    ...(kept.includes(undefined) ? [note("error", "The log holds entries that cannot be read")] : []),
    ...messages,
  ];
}

/** Timestamp of an entry that has none. */
const NEVER = new Date(0).toISOString();
const corrupted = (timestamp: string): LogMessage => ({ level: "error", message: "(CORRUPTED LOG DATA)", timestamp });

/** Room for the JSON around the messages, and for the two notes with the longest timestamp that an entry may have. */
const RESERVED_BYTES = 512;

function parse(line: string): LogMessage | undefined {
  try {
    return Entry.safeParse(JSON.parse(line)).data;
  } catch {
    // ignored: a line that is not JSON is reported as a corrupted entry.
    return undefined;
  }
}
