import { AgentError } from "../../src/errors/agent-error.ts";
import type { ErrorCode } from "../../src/errors/catalogue.ts";

/**
 * Codes that an adapter may report and the agent passes on; any other becomes ADAPTER_FAILED with the adapter's code.
 */
const NAMED: readonly ErrorCode[] = [
  "BOOTENV_READ",
  "BOOTENV_WRITE",
  "BOOTENV_CANARY",
  "SLOT_UNKNOWN",
  "SLOT_BUSY",
  "SLOT_TOO_SMALL",
  "SLOT_IO",
];

/** Code with which a skeleton adapter marks a function that is not implemented yet. */
export const UNFILLED = "UNFILLED";

/** Code with which a program answers an unknown request. */
export const UNSUPPORTED = "UNSUPPORTED";

/** Translates the code that an adapter reports into the agent's error. */
export function foreignFailure(code: string, detail: Readonly<Record<string, string>>, cause?: unknown): AgentError {
  const known = NAMED.find((name) => name === code);
  return new AgentError(known ?? "ADAPTER_FAILED", { ...detail, ...(code !== "" && { error: code }) }, cause);
}

/** Whether the adapter itself reported this code. */
export const failedWith = (error: unknown, code: string): boolean =>
  error instanceof AgentError && error.detail["error"] === code;
