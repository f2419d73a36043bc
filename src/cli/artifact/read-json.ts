import { randomUUID } from "node:crypto";
import { textPieces } from "../../artifact/meta-data.ts";
import type { Depends, PayloadInfo } from "../../artifact/model.ts";
import { layOutPieces } from "../../util/json-text.ts";
import type { InspectedArtifact, InspectedFile } from "./describe-artifact.ts";
import type { ArtifactDescription } from "./read-schema.ts";

/** The output of `read --json`, in parts. The meta-data appears exactly as in the Artifact. */
export function* jsonOf(inspected: InspectedArtifact): Generator<string> {
  const described = describeAsJson(inspected);
  const mark = randomUUID();
  const payloads = described.payloads.map((payload, index) =>
    payload.metadata === null ? payload : { ...payload, metadata: `${mark} ${index}` },
  );
  // Every second part is the index of a payload.
  const parts = JSON.stringify({ ...described, payloads }).split(new RegExp(`"${mark} (\\d+)"`));
  for (const [at, part] of parts.entries()) {
    const metaData = at % 2 === 1 ? inspected.info.payloads[Number(part)]?.metaData : undefined;
    if (metaData === undefined) yield part;
    else yield* layOutPieces(textPieces(metaData), "");
  }
}

/**
 * The object that `read --json` prints. Its top level has the provides, depends and clears of the whole Artifact, as a
 * device sees them; each payload also lists its own.
 */
function describeAsJson({ info, files }: InspectedArtifact): ArtifactDescription {
  const { name, group, version, signature, deviceTypes, depends, scripts, payloads } = info;
  return {
    name,
    group: group ?? null,
    version,
    signature: { present: signature.present, valid: signature.valid ?? null, key: signature.key ?? null },
    device_types: [...deviceTypes],
    provides: merge([
      { artifact_name: name, ...(group === undefined ? {} : { artifact_group: group }) },
      ...payloads.map((payload) => payload.provides),
    ]),
    depends: copyLists(merge<readonly string[]>([depends, ...payloads.map((payload) => payload.depends)])),
    clears_provides: allClears(payloads),
    scripts: [...scripts],
    payloads: payloads.map((payload, index) => describePayload(payload, files[index] ?? [])),
  };
}

function describePayload(
  payload: PayloadInfo,
  files: readonly InspectedFile[],
): ArtifactDescription["payloads"][number] {
  return {
    type: payload.type,
    files: files.map(({ name, sizeBytes, sha256 }) => ({ name, size: sizeBytes, sha256 })),
    provides: { ...payload.provides },
    depends: copyLists(payload.depends),
    clears_provides: payload.clearsProvides === undefined ? null : [...payload.clearsProvides],
    // A placeholder for the type: the meta-data is never parsed.
    metadata: payload.metaData === undefined ? null : {},
  };
}

/** Null if no payload says what to clear. */
function allClears(payloads: readonly PayloadInfo[]): string[] | null {
  const said = payloads.flatMap(({ clearsProvides }) => (clearsProvides === undefined ? [] : [clearsProvides]));
  return said.length === 0 ? null : said.flat();
}

function merge<Value>(parts: readonly Readonly<Record<string, Value>>[]): Record<string, Value> {
  return Object.fromEntries(parts.flatMap((part) => Object.entries(part)));
}

function copyLists(depends: Depends): Record<string, string[]> {
  return Object.fromEntries(Object.entries(depends).map(([key, values]) => [key, [...values]]));
}
