import * as z from "zod/mini";
import { printable } from "../../errors/agent-error.ts";
import type { LogMessage } from "../../ports/deployment-server.ts";
import type { LogLevel } from "../../util/logger.ts";

/** Servers take a million bytes; the rest is for what stands around the messages. */
const MAX_BYTES = 1_000_000 - 256;

const Entry = z.object({ level: z.string(), message: z.string(), timestamp: z.iso.datetime({ offset: true }) });

/** One line of the log on disk. */
export const logLine = (level: LogLevel, message: string, nowMs: number): string =>
  `${JSON.stringify({ level, message: printable(message), timestamp: new Date(nowMs).toISOString() })}\n`;

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

/** A time for what has none. */
const NEVER = new Date(0).toISOString();
const corrupted = (timestamp: string): LogMessage => ({ level: "error", message: "(CORRUPTED LOG DATA)", timestamp });

/** For what stands around the messages, and the two notes, with the longest time that an entry may have. */
const RESERVED_BYTES = 512;

function parse(line: string): LogMessage | undefined {
  try {
    return Entry.safeParse(JSON.parse(line)).data;
  } catch {
    // ignored: what is no JSON is no entry, and is said to be none.
    return undefined;
  }
}
