import type { ErrorEntry } from "./error-entry.ts";

/** Failures of an adapter that a board's integrator provides. */
export const ADAPTER_ERRORS = {
  ADAPTER_LOAD: { doc: "Cannot load the adapter." },
  ADAPTER_INVALID: {
    doc: "The adapter is not of the required kind, or a part of it is missing or has the wrong type.",
  },
  ADAPTER_PROTOCOL: {
    doc: "The adapter uses a version of the adapter protocol that this agent does not support.",
  },
  ADAPTER_ANSWER: {
    doc: "The adapter's reply is not valid for this request.",
  },
  ADAPTER_FAILED: { doc: "The adapter failed." },
  ADAPTER_TIMEOUT: { doc: "The adapter did not answer in time." },
  ADAPTER_EXISTS: { doc: "The file for the new adapter already exists." },
  ADAPTER_SANDBOX: { doc: "The check cannot observe every change that the adapter makes." },
} as const satisfies Record<string, ErrorEntry>;
