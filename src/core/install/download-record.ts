import * as z from "zod/mini";

const bytes = z.int().check(z.nonnegative());

/** Where reading goes on. @see PayloadPosition */
const Checkpoint = z.object({
  headBytes: bytes,
  artifactByte: bytes,
  plainByte: bytes,
  fileByte: bytes,
  fileName: z.string(),
  fileBytes: bytes,
  storedBytes: bytes,
});

/**
 * A download as it stands in the snapshot of an update: what a restarted agent needs to take it up again. Saved with
 * each checkpoint, after what it speaks of has been made safe against power loss.
 */
export const DownloadRecord = z.object({
  uri: z.string(),
  lengthBytes: bytes,
  etag: z.optional(z.string()),
  lastModified: z.optional(z.string()),
  /** Times that the download was taken up again, in this process and in those before it. */
  resumes: bytes,
  /** Absent: nothing is stored that could be built on, and the download begins anew. */
  checkpoint: z.optional(Checkpoint),
});
export type DownloadRecord = Readonly<z.infer<typeof DownloadRecord>>;
