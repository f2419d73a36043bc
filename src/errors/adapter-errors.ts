import type { ErrorEntry } from "./error-entry.ts";

/** What can be wrong with an adapter that a board's integrator brings. */
export const ADAPTER_ERRORS = {
  ADAPTER_LOAD: { doc: "The adapter cannot be loaded." },
  ADAPTER_INVALID: {
    doc: "This is no adapter of the kind that is wanted: something is missing, or is of another kind.",
  },
  ADAPTER_PROTOCOL: {
    doc: "The adapter speaks a version of the protocol that this agent does not know.",
  },
  ADAPTER_ANSWER: {
    doc: "The adapter's answer is none that this request has.",
  },
  ADAPTER_FAILED: { doc: "The adapter has failed." },
  ADAPTER_TIMEOUT: { doc: "The adapter has not answered in time." },
  ADAPTER_EXISTS: { doc: "The file for a new adapter is there already." },
  ADAPTER_SANDBOX: { doc: "The check cannot follow what the adapter does." },
} as const satisfies Record<string, ErrorEntry>;
