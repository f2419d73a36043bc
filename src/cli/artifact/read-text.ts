import { textPieces } from "../../artifact/meta-data.ts";
import type { Depends, MetaData, PayloadInfo, SignatureStatus } from "../../artifact/model.ts";
import { layOutPieces } from "../../util/json-text.ts";
import type { InspectedArtifact, InspectedFile } from "./describe-artifact.ts";

/** What `read` prints for people, with the fields and words of mender-artifact. */
export function* describeAsText({ info, files }: InspectedArtifact): Generator<string> {
  yield* [
    "Mender artifact:",
    `  Name: ${info.name}`,
    "  Format: mender",
    `  Version: ${info.version}`,
    `  Signature: ${signatureText(info.signature)}`,
    ...(info.signature.key === undefined ? [] : [`  Verified with: ${info.signature.key}`]),
    `  Compatible devices: '${listText(info.deviceTypes)}'`,
    `  Provides group: ${info.group ?? ""}`,
    `  Depends on one of artifact(s): [${(info.depends["artifact_name"] ?? []).join(", ")}]`,
    `  Depends on one of group(s): [${(info.depends["artifact_group"] ?? []).join(", ")}]`,
    "  State scripts:",
    ...info.scripts.map((script) => `    ${script}`),
    "",
    "Updates:",
  ];
  for (const [index, payload] of info.payloads.entries()) yield* payloadText(payload, index, files[index] ?? []);
}

function signatureText({ present, valid }: SignatureStatus): string {
  if (!present) return "no signature";
  if (valid === undefined) {
    return "signed but no key for verification provided; please use `-k` option for providing verification key";
  }
  return valid ? "signed and verified correctly" : "signed; verification using provided key failed";
}

function* payloadText(payload: PayloadInfo, index: number, files: readonly InspectedFile[]): Generator<string> {
  const { type, provides, depends, clearsProvides, metaData } = payload;
  yield `    ${index}:`;
  yield `    Type:   ${type ?? "Empty type"}`;
  yield* section(
    "Provides",
    Object.entries(provides).map(([key, value]) => `\t${key}: ${value}`),
  );
  yield* section("Depends", dependsText(depends));
  if (clearsProvides !== undefined) yield `    Clears Provides: ${quotedText(clearsProvides)}`;
  yield `    Metadata:${metaData === undefined ? " Nothing" : ""}`;
  if (metaData !== undefined) yield* metaDataText(metaData);
  yield files.length === 0 ? "    Files: None" : "    Files:";
  for (const file of files) yield* fileText(file);
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [`    ${title}: Nothing`] : [`    ${title}:`, ...lines];

const dependsText = (depends: Depends): string[] =>
  Object.entries(depends).map(([key, values]) => `\t${key}: ${values.length === 1 ? values[0] : listText(values)}`);

/** Yields one line at a time, because indented meta-data may be far longer than in the Artifact. */
function* metaDataText(metaData: MetaData): Generator<string> {
  let begun = "";
  for (const piece of layOutPieces(textPieces(metaData), "  ")) {
    const lines = `${begun}${piece}`.split("\n");
    begun = lines.pop() ?? "";
    for (const line of lines) yield `\t${line}`;
  }
  yield `\t${begun}`;
}

const fileText = ({ name, sizeBytes, sha256, modified }: InspectedFile): string[] => [
  `      name:     ${name}`,
  `      size:     ${sizeBytes}`,
  `      modified: ${timeText(modified)}`,
  `      checksum: ${sha256}`,
];

/** Go's format, always in UTC. */
const timeText = (seconds: number): string =>
  new Date(seconds * 1000)
    .toISOString()
    .replace("T", " ")
    .replace(/\.000Z$/, " +0000 UTC");

const listText = (values: readonly string[]): string => `[${values.join(" ")}]`;
const quotedText = (values: readonly string[]): string => `[${values.map((value) => `"${value}"`).join(", ")}]`;
