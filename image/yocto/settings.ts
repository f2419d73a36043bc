import { AgentError } from "../../src/errors/agent-error.ts";
import { type ExtraPart, extraParts } from "./extra-parts.ts";
import { megabytes, numberOf, wrong } from "./numbers.ts";
import { listOf, type Variables, valueIn } from "./read-variables.ts";
import { FEATURES, REFUSED_FEATURES } from "./variables/features.ts";

export type YoctoBootloader = "u-boot" | "grub" | "none";
export type DiskLabel = "dos" | "gpt";

/** What the variables say about the board and its medium. All sizes are in bytes. */
export interface Settings {
  readonly variables: Variables;
  readonly deviceType: string;
  readonly features: ReadonlySet<string>;
  readonly bootloader: YoctoBootloader;
  /** The table for which the partitions are numbered in files of the root filesystem. */
  readonly label: DiskLabel;
  readonly device: string;
  /** The text before the number of a partition. */
  readonly base: string;
  readonly totalBytes: number;
  readonly alignment: number;
  /** Space in front of the first partition, besides that for the table. */
  readonly reservedBytes: number;
  readonly bootBytes: number;
  readonly dataBytes: number;
  readonly swapBytes: number;
  readonly extras: readonly ExtraPart[];
}

/** @throws {AgentError} YOCTO_VARIABLE, YOCTO_VARIABLE_MISSING */
export function settingsOf(variables: Variables): Settings {
  const features = featuresOf(variables);
  const bootloader = bootloaderOf(variables, features);
  const alignment = alignmentOf(variables);
  const device = valueIn(variables, "MENDER_STORAGE_DEVICE") ?? "";
  return {
    variables,
    deviceType: deviceTypeOf(variables),
    features,
    bootloader,
    label: labelOf(variables),
    device,
    base:
      valueIn(variables, "MENDER_STORAGE_DEVICE_BASE") ??
      (/^\/dev\/[shv]d[a-z]+$/.test(device) ? device : `${device}p`),
    totalBytes: megabytes(variables, "MENDER_STORAGE_TOTAL_SIZE_MB"),
    alignment,
    reservedBytes:
      numberOf(variables, "MENDER_RESERVED_SPACE_BOOTLOADER_DATA") ?? (bootloader === "u-boot" ? 2 * alignment : 0),
    bootBytes: megabytes(variables, "MENDER_BOOT_PART_SIZE_MB"),
    dataBytes: positive(variables, "MENDER_DATA_PART_SIZE_MB"),
    swapBytes: megabytes(variables, "MENDER_SWAP_PART_SIZE_MB"),
    extras: extraParts(variables),
  };
}

function deviceTypeOf(variables: Variables): string {
  const type = valueIn(variables, "MENDER_DEVICE_TYPE") ?? valueIn(variables, "MACHINE");
  if (type === undefined) throw new AgentError("YOCTO_VARIABLE_MISSING", { variable: "MENDER_DEVICE_TYPE" });
  if (/\s/.test(type)) throw wrong("MENDER_DEVICE_TYPE", type, "a device has one type");
  return type;
}

/** The features that are on. @throws {AgentError} YOCTO_VARIABLE */
function featuresOf(variables: Variables): ReadonlySet<string> {
  const off = listOf(variables, "MENDER_FEATURES_DISABLE");
  const on = listOf(variables, "MENDER_FEATURES_ENABLE").filter((feature) => !off.includes(feature));
  for (const feature of on) {
    const why = REFUSED_FEATURES[feature];
    if (why !== undefined) throw wrong("MENDER_FEATURES_ENABLE", feature, why);
    if (!Object.hasOwn(FEATURES, feature)) throw wrong("MENDER_FEATURES_ENABLE", feature, "unknown feature");
  }
  return new Set(on);
}

function bootloaderOf(variables: Variables, features: ReadonlySet<string>): YoctoBootloader {
  const [hasUBoot, hasGrub] = [features.has("mender-uboot"), features.has("mender-grub")];
  const given = valueIn(variables, "SWITCHBACK_BOOTLOADER");
  if (given !== undefined) {
    if (given === "u-boot" || given === "grub" || given === "none") return given;
    throw wrong("SWITCHBACK_BOOTLOADER", given, "expected u-boot, grub or none");
  }
  if (hasUBoot && hasGrub) {
    const reason = "choose one boot loader, and name the other one in MENDER_FEATURES_DISABLE";
    throw wrong("MENDER_FEATURES_ENABLE", "mender-uboot mender-grub", reason);
  }
  if (hasUBoot || hasGrub) return hasUBoot ? "u-boot" : "grub";
  const machine = `${valueIn(variables, "TARGET_ARCH") ?? ""} ${valueIn(variables, "MACHINE") ?? ""}`;
  return /x86|\bi[3-6]86\b|intel/.test(machine) ? "grub" : "u-boot";
}

function alignmentOf(variables: Variables): number {
  const given = variables.has("MENDER_PARTITION_ALIGNMENT");
  const name = given ? "MENDER_PARTITION_ALIGNMENT" : "MENDER_STORAGE_PEB_SIZE";
  const alignment = numberOf(variables, name) ?? 0;
  if (alignment >= 4096 && alignment % 4096 === 0) return alignment;
  throw wrong(name, alignment, "partitions must start at multiples of 4096 bytes");
}

function labelOf(variables: Variables): DiskLabel {
  const given = valueIn(variables, "SWITCHBACK_DISK_LABEL");
  if (given === "dos" || given === "gpt") return given;
  if (given !== undefined) throw wrong("SWITCHBACK_DISK_LABEL", given, "expected dos or gpt");
  const types = listOf(variables, "IMAGE_FSTYPES").map((type) => type.replace(/\..*/, ""));
  return types.includes("gptimg") && !types.includes("sdimg") ? "gpt" : "dos";
}

function positive(variables: Variables, name: string): number {
  const bytes = megabytes(variables, name);
  if (bytes > 0) return bytes;
  throw wrong(name, valueIn(variables, name) ?? "", "the agent needs this partition: an update replaces all others");
}
