import { ADAPTER_ERRORS } from "./adapter-errors.ts";
import { AGENT_ERRORS } from "./agent-errors.ts";
import { ARTIFACT_ERRORS } from "./artifact-errors.ts";
import { BOARD_ERRORS } from "./board-errors.ts";
import { DUMP_ERRORS } from "./dump-errors.ts";
import { SERVER_ERRORS } from "./server-errors.ts";

/** One row of the catalogue. */
export interface ErrorEntry {
  /** Whether the same request may succeed later without anybody changing anything. */
  readonly retry?: true;
  /** Exit status of a command that fails with this code, where it is not 1. */
  readonly exit?: 2;
  /** One sentence for people; details follow it as `key=value`. */
  readonly doc: string;
}

/** Every stable error code of the product. `docs/reference/errors.md` is generated from it. */
export const ERRORS = {
  ...ARTIFACT_ERRORS,
  ...BOARD_ERRORS,
  ...AGENT_ERRORS,
  ...ADAPTER_ERRORS,
  ...SERVER_ERRORS,
  ...DUMP_ERRORS,
};

export type ErrorCode = keyof typeof ERRORS;

export const entryOf = (code: ErrorCode): ErrorEntry => ERRORS[code];
