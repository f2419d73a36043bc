import { boardOf } from "./board.ts";
import { bootFiles } from "./boot-files.ts";
import { checkNames, type YoctoWarning } from "./check-names.ts";
import { configurationFiles } from "./configuration.ts";
import { toMb } from "./numbers.ts";
import { partitionNamed, partitionsOf } from "./partitions.ts";
import { flagsOf, listOf, valueIn, variablesOf } from "./read-variables.ts";
import { type DiskLabel, type Settings, settingsOf } from "./settings.ts";
import { slotBytes } from "./slot-size.ts";

/** Less than this does not hold Node and the agent, whatever else is in the image. */
const LEAST_SLOT_MB = 64;

/** What a build can expect of its variables. */
export interface BuildReport {
  readonly settings: Settings;
  readonly slotBytes: number;
  readonly warnings: readonly YoctoWarning[];
}

/**
 * Checks the variables of a build before it takes hours.
 *
 * @throws {AgentError} YOCTO_VARIABLE, YOCTO_VARIABLE_MISSING, YOCTO_VARIABLE_RENAMED, YOCTO_SPACE
 */
export function checkBuild(build: Readonly<Record<string, string>>): BuildReport {
  const variables = variablesOf(build);
  const unset = Object.keys(build).filter((name) => !variables.has(name));
  const named = checkNames(variables, unset);
  const settings = settingsOf(variables);
  const slot = slotBytes(settings);
  for (const label of labelsOf(settings)) boardOf(settings, label, { environment: "environment.txt" });
  configurationFiles(settings);
  bootFiles(settings);
  return { settings, slotBytes: slot, warnings: [...named, ...adviceOf(settings, slot)] };
}

/** The tables of the disks that the build makes. */
function labelsOf({ variables, label }: Settings): readonly DiskLabel[] {
  const types = new Set(listOf(variables, "IMAGE_FSTYPES").map((type) => type.replace(/\..*/, "")));
  const found: DiskLabel[] = [];
  if (types.has("sdimg")) found.push("dos");
  if (types.has("gptimg")) found.push("gpt");
  return found.length === 0 ? [label] : found;
}

function* adviceOf(settings: Settings, slot: number): Generator<YoctoWarning> {
  const { variables, features, extras, bootloader, bootBytes } = settings;
  const warn = (variable: string, text: string): YoctoWarning => ({ variable, message: `${variable}: ${text}` });
  if (toMb(slot) < LEAST_SLOT_MB) {
    yield warn(
      "MENDER_STORAGE_TOTAL_SIZE_MB",
      `a slot has only ${toMb(slot)} MB, and Node alone takes about that much`,
    );
  }
  if (valueIn(variables, "MENDER_ARTIFACT_NAME") === undefined) {
    yield warn("MENDER_ARTIFACT_NAME", "it is not set, and an Artifact needs a name");
  }
  const numbers = labelsOf(settings).map((label) => partitionNamed(partitionsOf(settings, label), "data").number);
  if (new Set(numbers).size > 1) {
    const text = `sdimg and gptimg number the data partition differently (${numbers.join(" and ")}), and fstab is made for ${settings.label}`;
    yield warn("IMAGE_FSTYPES", text);
  }
  if (features.has("mender-growfs-data") && extras.length > 0) {
    yield warn("MENDER_EXTRA_PARTS", "the data partition cannot grow, because these partitions follow it");
  }
  if (bootBytes === 0 && valueIn(variables, "IMAGE_BOOT_FILES") !== undefined) {
    yield warn("IMAGE_BOOT_FILES", "these files are left out, because MENDER_BOOT_PART_SIZE_MB is 0");
  }
  if (bootloader === "grub" && bootBytes === 0) {
    yield warn("MENDER_BOOT_PART_SIZE_MB", "GRUB and its environment need a boot partition");
  }
  if (bootloader === "none") {
    yield warn("SWITCHBACK_BOOTLOADER", "without a boot loader that counts boots, no update can be rolled back");
  }
  for (const name of flagsOf(variables, "MENDER_EXTRA_PARTS_FSTAB").keys()) {
    if (extras.some((part) => part.name === name)) continue;
    yield warn(`MENDER_EXTRA_PARTS_FSTAB[${name}]`, "MENDER_EXTRA_PARTS does not name this part");
  }
}
