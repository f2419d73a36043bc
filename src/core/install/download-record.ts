import * as z from "zod/mini";

const bytes = z.int().check(z.nonnegative());

/** Where reading resumes. @see PayloadPosition */
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
 * A download in the snapshot of an update: what a restarted agent needs to resume it. Saved with each checkpoint, after
 * the payload up to it is safe against power loss.
 */
export const DownloadRecord = z.object({
  uri: z.string(),
  lengthBytes: bytes,
  etag: z.optional(z.string()),
  lastModified: z.optional(z.string()),
  /** Times that the download was resumed, in this process and in earlier ones. */
  resumes: bytes,
  /** Absent: nothing useful is stored, and the download starts over. */
  checkpoint: z.optional(Checkpoint),
});
export type DownloadRecord = Readonly<z.infer<typeof DownloadRecord>>;
