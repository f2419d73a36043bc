import type { ErrorEntry } from "./error-entry.ts";

/** Failures of `snapshot dump`, which copies a running filesystem. */
export const DUMP_ERRORS = {
  DUMP_SOURCE: {
    doc: "Cannot find a block device to copy, or cannot open it. For an overlay or another filesystem without a block device, use --source to name the device below it.",
  },
  DUMP_DATASTORE: {
    doc: "The agent's datastore is on that filesystem. The copy would contain this device's private key, and the server would take every device that installs it for this one.",
  },
  DUMP_TARGET: {
    doc: "Write the copy to a pipe or a file. It must not go to a terminal, or to the filesystem that is being copied, which is frozen meanwhile.",
  },
  DUMP_BROKEN: { retry: true, doc: "The copy is not complete, because writing it failed." },
  DUMP_STALLED: {
    retry: true,
    doc: "The copy is not complete. Its reader stopped reading for too long, and the filesystem had to be thawed.",
  },
  FREEZE_FAILED: { doc: "Cannot freeze the filesystem. This needs the program fsfreeze, and root." },
  FREEZE_LOST: {
    retry: true,
    doc: "The copy is not consistent. Another program thawed the filesystem during the copy, or killed the process that kept it frozen.",
  },
  THAW_FAILED: {
    doc: "The filesystem is still frozen, and no program can write to it. Run 'fsfreeze --unfreeze' on the folder, or press SysRq+J.",
  },
} as const satisfies Record<string, ErrorEntry>;
