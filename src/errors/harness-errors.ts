import type { ErrorEntry } from "./error-entry.ts";

/** Failures of `switchback-qemu`, which runs images on a build host. */
export const HARNESS_ERRORS = {
  HARNESS_MISSING: { doc: "This machine lacks a program or a file that the board needs." },
  HARNESS_SLOTS: { doc: "The image has no two slots, so no update can be tried." },
} as const satisfies Record<string, ErrorEntry>;
