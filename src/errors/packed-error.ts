import { AgentError, type ErrorDetail } from "./agent-error.ts";
import { isErrorCode } from "./sentence.ts";

/** An error as JSON, for another process of this program. */
export interface PackedError {
  /** Only an `AgentError` has one. */
  readonly code?: string;
  readonly detail?: ErrorDetail;
  readonly message: string;
  readonly cause?: PackedError;
}

export function packError(error: unknown): PackedError {
  if (!(error instanceof Error)) return { message: String(error) };
  const cause = error.cause === undefined ? {} : { cause: packError(error.cause) };
  if (error instanceof AgentError) return { code: error.code, detail: error.detail, message: error.message, ...cause };
  return { message: error.message, ...cause };
}

/** Restores the error, so that people see the same line. Of a code that this version does not know, only the message stays. */
export function unpackError({ code, detail, message, cause: packed }: PackedError): Error {
  const cause = packed && unpackError(packed);
  if (code !== undefined && isErrorCode(code)) return new AgentError(code, detail, cause);
  return new Error(message, cause && { cause });
}
