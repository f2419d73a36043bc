import type { ErrorEntry } from "./catalogue.ts";

/** What can fail below a port: boot environment, slots, storage, processes, transport. */
export const BOARD_ERRORS = {
  BOOTENV_READ: { retry: false, exit: 1, doc: "The boot environment cannot be read." },
  BOOTENV_WRITE: { retry: false, exit: 1, doc: "The boot environment does not hold what was written to it." },
} as const satisfies Record<string, ErrorEntry>;
