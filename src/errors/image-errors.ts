import type { ErrorEntry } from "./error-entry.ts";

/** Failures of the image tool. */
export const IMAGE_ERRORS = {
  BOARD_FILE_INVALID: { doc: "The board file is not valid." },
  IMAGE_INPUT: { doc: "Cannot use this input for an image." },
  IMAGE_SPACE: { doc: "The contents do not fit. Enlarge the partition in the board file, or leave something out." },
} as const satisfies Record<string, ErrorEntry>;
