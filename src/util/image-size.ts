import { AgentError } from "../errors/agent-error.ts";

/** One sector, the smallest image of a virtual board. A build that failed leaves less, most often nothing. */
const MIN_IMAGE_BYTES = 512;

/**
 * Refuses a root filesystem image that cannot hold a root filesystem. A slot keeps its old content behind the end of a
 * short image, so a board would run that under the name of the new Artifact.
 *
 * @throws {AgentError} IMAGE_TOO_SMALL
 */
export function checkImageSize(name: string, sizeBytes: number): void {
  if (sizeBytes < MIN_IMAGE_BYTES) {
    throw new AgentError("IMAGE_TOO_SMALL", { name, bytes: sizeBytes, minBytes: MIN_IMAGE_BYTES });
  }
}
