import { integer, wrong } from "./numbers.ts";
import { flagsOf, listOf, type Variables } from "./read-variables.ts";

/** A partition after the data partition. */
export interface ExtraPart {
  readonly name: string;
  readonly label: string;
  readonly filesystem: "ext4" | "vfat" | "swap" | "none";
  readonly sizeBytes: number;
}

const MIB = 1024 * 1024;
const PARTS = "MENDER_EXTRA_PARTS";
const SIZES = "MENDER_EXTRA_PARTS_SIZES_MB";
const OPTION = /^--([a-z-]+)(?:=(.*))?$/;

/** @throws {AgentError} YOCTO_VARIABLE */
export function extraParts(variables: Variables): readonly ExtraPart[] {
  const [options, sizes] = [flagsOf(variables, PARTS), flagsOf(variables, SIZES)];
  const names = listOf(variables, PARTS);
  const lost = [...sizes.keys()].find((name) => !names.includes(name));
  if (lost !== undefined) throw wrong(`${SIZES}[${lost}]`, sizes.get(lost) ?? "", `${PARTS} does not name this part`);
  return names.map((name) => {
    const given = optionsOf(name, options.get(name) ?? "");
    const size = sizes.get(name) ?? given.get("fixed-size") ?? given.get("size");
    if (size === undefined) throw wrong(PARTS, name, `set ${SIZES}[${name}]`);
    return {
      name,
      label: given.get("label") ?? name,
      filesystem: filesystemOf(name, given.get("fstype")),
      sizeBytes: integer(`${SIZES}[${name}]`, size.replace(/M$/, "")) * MIB,
    };
  });
}

/** The options as wic has them: `--label=x`, or `--label x`. */
function optionsOf(name: string, text: string): ReadonlyMap<string, string> {
  const words = text.split(/\s+/).filter((word) => word !== "");
  const found = new Map<string, string>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const [, option, value] = OPTION.exec(word) ?? [];
    if (option === undefined || !KNOWN.includes(option)) {
      throw wrong(`${PARTS}[${name}]`, word, `known are ${KNOWN.map((known) => `--${known}`).join(", ")}`);
    }
    found.set(option, value ?? words[++at] ?? "");
  }
  return found;
}

const KNOWN: readonly string[] = ["label", "fstype", "size", "fixed-size", "ondisk", "align"];

function filesystemOf(name: string, type = "none"): ExtraPart["filesystem"] {
  if (type === "ext4" || type === "vfat" || type === "swap" || type === "none") return type;
  throw wrong(`${PARTS}[${name}]`, `--fstype=${type}`, "known are ext4, vfat, swap and none");
}
