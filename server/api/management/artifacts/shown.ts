import type { Artifact } from "../../../../src/protocol/api/artifacts.ts";
import type { ArtifactRow } from "../../../adapters/postgres/artifacts.ts";

export const shownArtifact = (row: ArtifactRow): Artifact => ({
  id: row.id,
  name: row.name,
  description: row.description,
  device_types_compatible: row.device_types,
  info: { format: "mender", version: row.format_version },
  signed: row.signed,
  ...(row.signed_by !== null && { signed_by: row.signed_by }),
  updates: row.updates.map(({ type, files, metadata }) => ({
    type_info: { type },
    files: files.map((file) => ({ ...file })),
    meta_data: Object.entries(metadata).map(([Key, Value]) => ({ Key, Value })),
    metadata,
  })),
  artifact_provides: row.provides,
  artifact_depends: { device_type: row.device_types, ...mutable(row.depends) },
  clears_artifact_provides: row.clears_provides,
  scripts: row.scripts,
  size: row.size,
  sha256: row.sha256,
  modified: row.modified_at.toISOString(),
});

const mutable = (depends: ArtifactRow["depends"]): Record<string, string[]> =>
  Object.fromEntries(Object.entries(depends).map(([key, values]) => [key, [...values]]));
