import { AgentError } from "../errors/agent-error.ts";
import { isPrefixGlob } from "../util/prefix-glob.ts";
import type { PayloadInfo } from "./model.ts";

/** Limit for all payloads of an Artifact together. Real Artifacts have about ten entries of each. */
const MAX_ENTRIES = 10_000;
/** Limit for the text that the store holds during the update: every command reads it. */
const MAX_TEXT_BYTES = 1024 * 1024;
/** Limit for globs with a star before their end, each of which is tried with each key of the device. */
const MAX_FREE_GLOBS = 100;

/**
 * Bounds the work of a commit, even for a large signed header.
 *
 * @throws {AgentError} ARTIFACT_LIMIT
 */
export function checkProvidesLimits(payloads: readonly PayloadInfo[], group = ""): void {
  const counts = { artifact_provides: 0, artifact_depends: 0, clears_artifact_provides: 0 };
  let freeGlobs = 0;
  for (const { provides, depends, clearsProvides = [] } of payloads) {
    counts.artifact_provides += Object.keys(provides).length;
    for (const accepted of Object.values(depends)) counts.artifact_depends += Math.max(1, accepted.length);
    counts.clears_artifact_provides += clearsProvides.length;
    freeGlobs += clearsProvides.filter((glob) => glob.includes("*") && !isPrefixGlob(glob)).length;
  }
  for (const [part, count] of Object.entries(counts)) {
    if (count > MAX_ENTRIES) throw new AgentError("ARTIFACT_LIMIT", { part, entries: count, max: MAX_ENTRIES });
  }
  const kept = payloads.map(({ provides, clearsProvides }) => [provides, clearsProvides]);
  const bytes = Buffer.byteLength(JSON.stringify([group, kept]));
  if (bytes > MAX_TEXT_BYTES) {
    const part = "artifact_group, artifact_provides and clears_artifact_provides";
    throw new AgentError("ARTIFACT_LIMIT", { part, bytes, maxBytes: MAX_TEXT_BYTES });
  }
  if (freeGlobs > MAX_FREE_GLOBS) {
    const part = "clears_artifact_provides with a star before the end";
    throw new AgentError("ARTIFACT_LIMIT", { part, entries: freeGlobs, max: MAX_FREE_GLOBS });
  }
}
