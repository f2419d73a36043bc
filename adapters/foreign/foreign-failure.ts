import { AgentError } from "../../src/errors/agent-error.ts";
import type { ErrorCode } from "../../src/errors/catalogue.ts";

/** Failures of an adapter that the agent has a name for; any other is ADAPTER_FAILED, with the adapter's own word. */
const NAMED: readonly ErrorCode[] = [
  "BOOTENV_READ",
  "BOOTENV_WRITE",
  "BOOTENV_CANARY",
  "SLOT_UNKNOWN",
  "SLOT_BUSY",
  "SLOT_TOO_SMALL",
  "SLOT_IO",
];

/** Code by which a skeleton says that a function of its is not filled in. */
export const UNFILLED = "UNFILLED";

/** Code by which a program answers a request that it does not know. */
export const UNSUPPORTED = "UNSUPPORTED";

/** The failure that an adapter reports by `code`, in the agent's words. */
export function foreignFailure(code: string, detail: Readonly<Record<string, string>>, cause?: unknown): AgentError {
  const known = NAMED.find((name) => name === code);
  return new AgentError(known ?? "ADAPTER_FAILED", { ...detail, ...(code !== "" && { error: code }) }, cause);
}

/** Whether the adapter itself has failed with that code. */
export const failedWith = (error: unknown, code: string): boolean =>
  error instanceof AgentError && error.detail["error"] === code;
