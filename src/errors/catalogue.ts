import { ADAPTER_ERRORS } from "./adapter-errors.ts";
import { AGENT_ERRORS } from "./agent-errors.ts";
import { ARTIFACT_ERRORS } from "./artifact-errors.ts";
import { BOARD_ERRORS } from "./board-errors.ts";
import { CONVERT_ERRORS } from "./convert-errors.ts";
import { DUMP_ERRORS } from "./dump-errors.ts";
import type { ErrorEntry } from "./error-entry.ts";
import { FLEET_ERRORS } from "./fleet-errors.ts";
import { HARNESS_ERRORS } from "./harness-errors.ts";
import { IMAGE_ERRORS } from "./image-errors.ts";
import { IMAGE_FILE_ERRORS } from "./image-file-errors.ts";
import { INSPECT_ERRORS } from "./inspect-errors.ts";
import { PARTITION_ERRORS } from "./partition-errors.ts";
import { SERVER_ERRORS } from "./server-errors.ts";
import { TAKEOVER_ERRORS } from "./takeover-errors.ts";
import { YOCTO_ERRORS } from "./yocto-errors.ts";

/** Every stable error code of the product. `docs/reference/errors.md` is generated from it. */
export const ERRORS = {
  ...ARTIFACT_ERRORS,
  ...BOARD_ERRORS,
  ...AGENT_ERRORS,
  ...ADAPTER_ERRORS,
  ...SERVER_ERRORS,
  ...DUMP_ERRORS,
  ...PARTITION_ERRORS,
  ...IMAGE_FILE_ERRORS,
  ...TAKEOVER_ERRORS,
  ...IMAGE_ERRORS,
  ...INSPECT_ERRORS,
  ...CONVERT_ERRORS,
  ...YOCTO_ERRORS,
  ...HARNESS_ERRORS,
  ...FLEET_ERRORS,
};

export type ErrorCode = keyof typeof ERRORS;

type Row = Partial<ErrorEntry>;

/** The bundle leaves out rows that have only a sentence. */
export const entryOf = (code: ErrorCode): Row => (ERRORS as Partial<Record<ErrorCode, Row>>)[code] ?? {};
