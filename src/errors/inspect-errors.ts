import type { ErrorEntry } from "./error-entry.ts";

/** Failures of `image inspect`, and of whatever reads images that it does not write. */
export const INSPECT_ERRORS = {
  IMAGE_KIND: { doc: "The file is not an image of a disk or of a file system that Switchback knows." },
  IMAGE_IS_ARTIFACT: { doc: "The file is an Artifact. 'switchback artifact read' shows what is in it." },
  IMAGE_COMPRESSED: { doc: "Cannot decompress the image: it is damaged, or larger than Switchback supports." },
} as const satisfies Record<string, ErrorEntry>;
