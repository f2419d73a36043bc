import { type DestinationStream, type Logger, pino } from "pino";
import { ServerError } from "../errors/server-error.ts";

/** Members of logged objects that are secrets, wherever they are. */
const SECRETS = [
  "authorization",
  "cookie",
  "password",
  "password_hash",
  "token",
  "tenant_token",
  "secret",
  "signature",
];
const DEPTHS = ["", "*.", "*.*."];

/**
 * Logs lines of JSON. Secrets stay out of them: members with such names are replaced, and of an error only what
 * explains it is kept, because those of PostgreSQL quote the values of a row.
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: DEPTHS.flatMap((depth) => SECRETS.map((name) => `${depth}${name}`)), censor: "[secret]" },
    serializers: { err: explained },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

interface Explained {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly detail?: unknown;
  readonly stack?: string;
  readonly cause?: Explained;
}

function explained(error: unknown): Explained {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const code = "code" in error && typeof error.code === "string" ? { code: error.code } : {};
  const detail = error instanceof ServerError ? { detail: error.detail } : {};
  const stack = error.stack === undefined ? {} : { stack: error.stack };
  const cause = error.cause === undefined ? {} : { cause: explained(error.cause) };
  return { type: error.name, message: error.message, ...code, ...detail, ...stack, ...cause };
}
