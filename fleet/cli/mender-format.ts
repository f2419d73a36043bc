import { type Command, InvalidArgumentError, Option } from "commander";

/** The name of Mender's command line. Under it, the program prints what scripts expect from that one. */
export const MENDER_CLI = "mender-cli";

/** Whether the program was called by Mender's name. */
export function isMenderCli(command: Command): boolean {
  return command.parent === null ? command.name() === MENDER_CLI : isMenderCli(command.parent);
}

/** How much `list --detail` tells. */
export type Detail = 0 | 1 | 2 | 3;

export const detailOption = (): Option =>
  new Option("-d, --detail <level>", "how much to print, from 0 to 3").argParser((text) => {
    if (!/^[0-3]$/.test(text)) throw new InvalidArgumentError("It must be 0, 1, 2 or 3.");
    return Number(text);
  });

export interface MenderArtifact {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly device_types_compatible: readonly string[];
  readonly signed: boolean;
  readonly size: number;
  readonly modified: string;
  readonly info?: { readonly format: string; readonly version: number };
  readonly updates: readonly {
    readonly type_info: { readonly type: string | null };
    readonly files?: readonly {
      readonly name: string;
      readonly checksum: string;
      readonly size: number;
      readonly date?: string;
    }[];
    readonly meta_data?: unknown;
  }[];
}

export interface MenderDevice {
  readonly id: string;
  readonly status: string;
  readonly identity_data: Readonly<Record<string, unknown>>;
  readonly created_ts: string;
  readonly updated_ts?: string;
  readonly decommissioning?: boolean;
  readonly auth_sets: readonly {
    readonly id: string;
    readonly pubkey?: string;
    readonly identity_data?: Readonly<Record<string, unknown>>;
    readonly status: string;
    readonly ts?: string;
  }[];
}

const LINE = "-".repeat(80);

/** The lines for an Artifact in `artifacts list`. "Modfied" is how mender-cli 1.9 spells it. */
export function artifactLines(artifact: MenderArtifact, detail: Detail): readonly string[] {
  const { id, name, description = "", device_types_compatible: types, info, updates } = artifact;
  const indented = types.map((type) => `  ${type}`);
  return [
    ...[`ID: ${id}`, `Name: ${name}`],
    ...(detail < 1
      ? []
      : [
          ...[`Signed: ${artifact.signed}`, `Modfied: ${goTime(artifact.modified)}`, `Size: ${artifact.size}`],
          ...[`Description: ${description}`, "Compatible device types:", ...indented],
          ...[`Artifact format: ${info?.format ?? ""}`, `Format version: ${info?.version ?? 0}`],
        ]),
    ...(detail < 2 ? [] : [`Artifact provides: ${name}`, "Artifact depends:", ...indented, "Updates:"]),
    ...(detail < 2 ? [] : updates.flatMap((update) => updateLines(update, detail))),
    LINE,
  ];
}

function updateLines(update: MenderArtifact["updates"][number], detail: Detail): readonly string[] {
  const { type_info: type, files = [], meta_data: metaData } = update;
  return [
    ...[`  Type: ${type.type ?? ""}`, "  Files:"],
    ...files.flatMap((file) => [
      ...[`\tName: ${file.name}`, `\tChecksum: ${file.checksum}`, `\tSize: ${file.size}`],
      `\tDate: ${goTime(file.date ?? "0001-01-01T00:00:00Z")}`,
    ]),
    ...(detail < 3 ? [] : [`  MetaData: ${goText(metaData ?? [])}`]),
  ];
}

/** The lines for a device in `devices list`. */
export function deviceLines(device: MenderDevice, detail: Detail): readonly string[] {
  const { id, status, identity_data: identity, auth_sets: sets } = device;
  return [
    ...[`ID: ${id}`, `Status: ${status}`],
    ...(detail < 1
      ? []
      : [
          ...["IdentityData:", ...identityLines(identity, "  "), `CreatedTs: ${device.created_ts}`],
          ...[`UpdatedTs: ${device.updated_ts ?? ""}`, `Decommissioning: ${device.decommissioning === true}`],
        ]),
    ...(detail < 2
      ? []
      : sets.flatMap((set, at) => [
          ...[`AuthSet[${at}]:`, `  ID: ${set.id}`, "  PubKey:", ...(set.pubkey ?? "").trimEnd().split("\n")],
          ...["  IdentityData:", ...identityLines(set.identity_data ?? {}, "    ")],
          ...[`  Status: ${set.status}`, `  Ts: ${set.ts ?? ""}`],
        ])),
    LINE,
  ];
}

/** The attributes that mender-cli knows. It leaves out all others. */
const KNOWN = { mac: "MAC address", sku: "Stock keeping unit", sn: "Serial number" } as const;

const identityLines = (identity: Readonly<Record<string, unknown>>, indent: string): readonly string[] =>
  Object.entries(KNOWN).flatMap(([name, title]) => {
    const value = identity[name];
    return value === undefined || value === "" ? [] : [`${indent}${title}: ${String(value)}`];
  });

/** A time as programs in Go print it: `2025-01-31 10:00:00.5 +0000 UTC`. */
function goTime(text: string): string {
  const [, date = "", time = "", fraction = ""] = /^([\d-]+)T([\d:]+)(\.\d+)?/.exec(text) ?? [];
  return `${date} ${time}${fraction.replace(/\.?0*$/, "")} +0000 UTC`;
}

/** A value as programs in Go print it: `[map[a:1 b:x]]`. */
function goText(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (typeof value !== "object") return String(value);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${members.map(([name, one]) => `${name}:${goText(one)}`).join(" ")}]`;
}
