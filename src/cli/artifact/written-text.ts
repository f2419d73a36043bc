import type { ArtifactRequest } from "../../artifact/artifact-request.ts";
import type { WrittenArtifact } from "../../artifact/writer.ts";
import { jsonLine } from "../one-line.ts";

/** The object that `write --json` prints at the end. */
export function writtenJson(request: ArtifactRequest, path: string, written: WrittenArtifact): string {
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
  return jsonLine(summary);
}
