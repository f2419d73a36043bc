import type { Depends, PayloadInfo, SignatureStatus } from "../../artifact/model.ts";
import { layOutJson } from "../../util/json-text.ts";
import type { InspectedArtifact, InspectedFile } from "./describe-artifact.ts";

/** What `read` prints for people: the fields and words of mender-artifact. */
export function describeAsText({ info, files }: InspectedArtifact): readonly string[] {
  return [
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
    ...info.payloads.flatMap((payload, index) => payloadText(payload, index, files[index] ?? [])),
  ];
}

function signatureText({ present, valid }: SignatureStatus): string {
  if (!present) return "no signature";
  if (valid === undefined) {
    return "signed but no key for verification provided; please use `-k` option for providing verification key";
  }
  return valid ? "signed and verified correctly" : "signed; verification using provided key failed";
}

function payloadText(payload: PayloadInfo, index: number, files: readonly InspectedFile[]): string[] {
  const { type, provides, depends, clearsProvides, metaData } = payload;
  return [
    `    ${index}:`,
    `    Type:   ${type ?? "Empty type"}`,
    ...section(
      "Provides",
      Object.entries(provides).map(([key, value]) => `\t${key}: ${value}`),
    ),
    ...section("Depends", dependsText(depends)),
    `    Clears Provides:${clearsProvides === undefined ? " Nothing" : ` ${quotedText(clearsProvides)}`}`,
    ...section("Metadata", metaData === undefined ? [] : metaDataText(metaData)),
    ...(files.length === 0 ? ["    Files: None"] : ["    Files:", ...files.flatMap(fileText)]),
  ];
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [`    ${title}: Nothing`] : [`    ${title}:`, ...lines];

const dependsText = (depends: Depends): string[] =>
  Object.entries(depends).map(([key, values]) => `\t${key}: ${values.length === 1 ? values[0] : listText(values)}`);

const metaDataText = (metaData: string): string[] =>
  layOutJson(metaData, "  ")
    .split("\n")
    .map((line) => `\t${line}`);

const fileText = ({ name, sizeBytes, sha256, modified }: InspectedFile): string[] => [
  `      name:     ${name}`,
  `      size:     ${sizeBytes}`,
  `      modified: ${timeText(modified)}`,
  `      checksum: ${sha256}`,
];

/** Go's spelling, in UTC whatever the time zone of the machine is. */
const timeText = (seconds: number): string =>
  new Date(seconds * 1000)
    .toISOString()
    .replace("T", " ")
    .replace(/\.000Z$/, " +0000 UTC");

const listText = (values: readonly string[]): string => `[${values.join(" ")}]`;
const quotedText = (values: readonly string[]): string => `[${values.map((value) => `"${value}"`).join(", ")}]`;
