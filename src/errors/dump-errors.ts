import type { ErrorEntry } from "./error-entry.ts";

/** What can keep a running filesystem from being copied. */
export const DUMP_ERRORS = {
  DUMP_SOURCE: {
    doc: "There is no block device to copy. Of an overlay or another filesystem without one, name the device that is below it with --source.",
  },
  DUMP_DATASTORE: {
    doc: "The agent's datastore lies on that filesystem: the copy would hold this device's key, and every device that it is installed on would be this one.",
  },
  DUMP_TARGET: {
    doc: "A copy goes into a pipe or a file, neither to a terminal nor onto the filesystem that is being copied, which cannot be written meanwhile.",
  },
  DUMP_BROKEN: { retry: true, doc: "The copy is not complete: it could not be written to its end." },
  DUMP_STALLED: {
    retry: true,
    doc: "The copy is not complete: nobody took any of it for too long, and nothing can be written to a frozen filesystem meanwhile.",
  },
  FREEZE_FAILED: { doc: "The filesystem cannot be frozen. It needs the program fsfreeze, and root." },
  FREEZE_LOST: {
    retry: true,
    doc: "The copy is not consistent: somebody has thawed the filesystem while it was made, or killed the process that kept it frozen.",
  },
  THAW_FAILED: {
    doc: "The filesystem is still frozen, and nothing can be written to it: run 'fsfreeze --unfreeze' on the folder, or press SysRq+J.",
  },
} as const satisfies Record<string, ErrorEntry>;
