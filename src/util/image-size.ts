import { AgentError } from "../errors/agent-error.ts";

/** One sector, the smallest image of a virtual board. A failed build leaves less, usually an empty file. */
const MIN_IMAGE_BYTES = 512;

/**
 * Refuses an image that is too small for a root file system. A slot keeps its old content after the end of a short
 * image, so a board would run the old system under the name of the new Artifact.
 *
 * @throws {AgentError} IMAGE_TOO_SMALL
 */
export function checkImageSize(name: string, sizeBytes: number): void {
  if (sizeBytes < MIN_IMAGE_BYTES) {
    throw new AgentError("IMAGE_TOO_SMALL", { name, bytes: sizeBytes, minBytes: MIN_IMAGE_BYTES });
  }
}
