import type { ErrorEntry } from "./error-entry.ts";

/** Failures of `takeover`, which takes a device over from the Mender client, and gives it back. */
export const TAKEOVER_ERRORS = {
  TAKEOVER_FORMAT: {
    doc: "This version cannot read the Mender client's store. It reads LMDB files of version 1, with one database and one value for each key.",
  },
  TAKEOVER_DAMAGED: { doc: "The Mender client's store is damaged, so it is unknown what this device runs." },
  TAKEOVER_PENDING: {
    doc: "The Mender client has an update that is neither committed nor rolled back. Nothing was taken over. Let the Mender client finish it first: 'mender commit', 'mender rollback', or its service.",
  },
  TAKEOVER_RUNNING: {
    doc: "A Mender client uses its store. Stop and disable its service first.",
  },
  TAKEOVER_CONFLICT: {
    doc: "Switchback and the Mender client have recorded different software for this device. Use --overwrite if the Mender client is right.",
  },
} as const satisfies Record<string, ErrorEntry>;
