import { SERVER_ERRORS, type ServerErrorCode } from "./catalogue.ts";

export type ServerErrorDetail = Readonly<Record<string, string | number | boolean>>;

export interface ServerErrorExtras {
  readonly cause?: unknown;
  /** Further members of the error's body, where Mender's API has some. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** Seconds after which the client may try again. */
  readonly retryAfterS?: number;
}

/** A named failure of the server. The API's error handler or the command line handles it, once. */
export class ServerError extends Error {
  override readonly name = "ServerError";
  readonly code: ServerErrorCode;
  readonly detail: ServerErrorDetail;
  readonly extras: ServerErrorExtras;

  constructor(code: ServerErrorCode, detail: ServerErrorDetail = {}, extras: ServerErrorExtras = {}) {
    super(SERVER_ERRORS[code].doc, extras.cause === undefined ? {} : { cause: extras.cause });
    this.code = code;
    this.detail = detail;
    this.extras = extras;
  }
}

/** The sentence of an error with its details, in one line. */
export function describeServerError({ message, detail }: ServerError): string {
  const details = Object.entries(detail).map(([key, value]) => `${key}: ${value}`);
  return details.length === 0 ? message : `${message} (${details.join(", ")})`;
}
