import { writeWhole } from "../../adapters/files/output-file.ts";
import type { ArtifactRequest } from "../../src/artifact/artifact-request.ts";
import type { OnBytes } from "../../src/artifact/payload-file.ts";
import { type WrittenArtifact, writeArtifact as writeTo } from "../../src/artifact/writer.ts";

/** Writes an Artifact to a file on this machine. */
export const writeArtifact = (
  request: ArtifactRequest,
  path: string,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<WrittenArtifact> => writeTo(request, (fill) => writeWhole(path, fill), onBytes, signal);
