import type { ErrorCode } from "./catalogue.ts";
import { sentenceOf } from "./sentence.ts";

export type ErrorDetail = Readonly<Record<string, string | number>>;

/**
 * A named failure. Thrown where it happens and handled once: by the deployment driver, by the command
 * line (exit status), or by a server's error handler.
 */
export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;

  constructor(code: ErrorCode, detail: ErrorDetail = {}, cause?: unknown) {
    super(sentenceOf(code), cause === undefined ? {} : { cause });
    this.code = code;
    this.detail = detail;
  }
}

/** The line that people see: code, sentence, details, and the line of the cause if there is one. */
export function describeError(error: AgentError): string {
  const details = Object.entries(error.detail).map(([key, value]) => `${key}=${printable(String(value))}`);
  const tail = details.length === 0 ? "" : ` (${details.join(", ")})`;
  return `${error.code}: ${error.message}${tail}${describeCause(error.cause)}`;
}

function describeCause(cause: unknown): string {
  if (cause instanceof AgentError) return `: ${describeError(cause)}`;
  return cause instanceof Error ? `: ${printable(cause.message)}` : "";
}

/**
 * Control characters, line and paragraph separators, characters that change the direction of writing, and lone
 * surrogates, which no encoding can write.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters.
export const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]|\p{Cs}/gu;

/**
 * Foreign text as one line that is safe to show. Use it for all text that comes from an Artifact, a server or a program
 * and goes to a terminal or a log: such text must neither steer the terminal nor forge a line.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
