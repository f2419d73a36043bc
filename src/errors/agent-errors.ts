import type { ErrorEntry } from "./catalogue.ts";

/** What the agent itself refuses or fails at: states, configuration, command line. */
export const AGENT_ERRORS = {
  UPDATE_IN_PROGRESS: {
    retry: false,
    exit: 1,
    doc: "An update is already in progress. Commit it or roll it back first.",
  },
  WRONG_OPERATION: { retry: false, exit: 1, doc: "The pending update is not in a state that allows this command." },
  NO_UPDATE: { retry: false, exit: 2, doc: "No update is in progress." },
} as const satisfies Record<string, ErrorEntry>;
