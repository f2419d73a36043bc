import type { ErrorEntry } from "./catalogue.ts";

/** What can be wrong with an Artifact, or with what is asked of the artifact tool. */
export const ARTIFACT_ERRORS = {
  ARTIFACT_TRUNCATED: { retry: true, exit: 1, doc: "The Artifact ends before its last member is complete." },
  ARTIFACT_CHECKSUM: { retry: false, exit: 1, doc: "A checksum differs from the one in the manifest." },
} as const satisfies Record<string, ErrorEntry>;
