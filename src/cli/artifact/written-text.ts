import type { ArtifactRequest } from "../../artifact/artifact-request.ts";
import type { WrittenArtifact } from "../../artifact/writer.ts";

/** What `write` prints when it is done: a line for people, or one JSON object. */
export function writtenLines(
  request: ArtifactRequest,
  path: string,
  written: WrittenArtifact,
  json: boolean,
): readonly string[] {
  if (!json) return [`Artifact ${request.name} written to ${path} (${written.sizeBytes} bytes)`];
  const { kind, type } = request.payload;
  const summary = {
    path,
    size: written.sizeBytes,
    name: request.name,
    compression: request.compression,
    signed: request.key !== undefined,
    scripts: written.scripts,
    payload: {
      type: kind === "empty" ? null : type,
      files: written.files.map(({ name, sizeBytes, sha256 }) => ({ name, size: sizeBytes, sha256 })),
    },
  };
  return [JSON.stringify(summary)];
}
