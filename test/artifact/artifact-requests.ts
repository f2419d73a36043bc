import type { ArtifactRequest, PayloadRequest } from "../../src/artifact/artifact-request.ts";

/** The smallest request of each kind; a test sets only the fields that matter to it. */
export function rootfsRequest(file: string, change: Partial<ArtifactRequest> = {}): ArtifactRequest {
  const payload: PayloadRequest = {
    kind: "rootfs-image",
    type: "",
    files: [file],
    provides: { "rootfs-image.version": "release-1" },
    checksumKey: "rootfs-image.checksum",
    depends: {},
    clearsProvides: ["artifact_group", "rootfs_image_checksum", "rootfs-image.*"],
  };
  return requestFor(payload, change);
}

export function moduleRequest(
  payload: Partial<PayloadRequest>,
  change: Partial<ArtifactRequest> = {},
): ArtifactRequest {
  const minimal = { files: [], provides: {}, depends: {}, clearsProvides: [] };
  return requestFor({ kind: "module", type: "single-file", ...minimal, ...payload }, change);
}

export function requestFor(payload: PayloadRequest, change: Partial<ArtifactRequest> = {}): ArtifactRequest {
  return {
    name: "release-1",
    deviceTypes: ["board-a"],
    dependsNames: [],
    dependsGroups: [],
    scripts: [],
    payload,
    compression: "none",
    ...change,
  };
}
