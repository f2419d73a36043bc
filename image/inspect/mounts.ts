import { posix } from "node:path";
import type { ReportedPartition } from "./report.ts";

/** A line of fstab. */
export interface FstabLine {
  readonly source: string;
  readonly folder: string;
  readonly type: string;
  readonly options: readonly string[];
}

export function parseFstab(text: string): readonly FstabLine[] {
  return text.split("\n").flatMap((line) => {
    const [source = "#", folder, type = "auto", options = "defaults"] = line.trim().split(/\s+/);
    if (source.startsWith("#") || folder === undefined) return [];
    return [{ source, folder: posix.resolve("/", unescaped(folder)), type, options: options.split(",") }];
  });
}

/** fstab writes spaces as `\040`. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

const TAGS: Readonly<Record<string, string>> = {
  "/dev/disk/by-uuid/": "UUID",
  "/dev/disk/by-label/": "LABEL",
  "/dev/disk/by-partuuid/": "PARTUUID",
  "/dev/disk/by-partlabel/": "PARTLABEL",
};

/**
 * The partition that a name of a device stands for. The name of a disk, such as `/dev/sda`, can differ between the
 * device and this machine, so only the number counts.
 */
export function partitionNamed(name: string, partitions: readonly ReportedPartition[]): ReportedPartition | undefined {
  const [tag, value] = tagOf(name);
  return partitions.find(({ number, uuid, name: partName, fileSystem }) => {
    if (tag === "UUID") return same(fileSystem?.uuid, value);
    if (tag === "LABEL") return fileSystem?.label === value;
    if (tag === "PARTUUID") return same(uuid, value);
    if (tag === "PARTLABEL") return partName === value;
    return number === numberIn(name);
  });
}

/** The number at the end of a partition's name; `undefined` for the name of a whole disk. */
export function numberIn(name: string): number | undefined {
  const [, digits] = /^\/dev\/(?:(?:mmcblk|nvme\d+n|loop|nbd)\d+p|[shv]d[a-z]+|xvd[a-z]+)(\d{1,4})$/.exec(name) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

function tagOf(name: string): readonly [tag: string, value: string] {
  const [, tag, quoted] = /^(UUID|LABEL|PARTUUID|PARTLABEL)=(.*)$/.exec(name) ?? [];
  if (tag !== undefined) return [tag, (quoted ?? "").replace(/^"(.*)"$/, "$1")];
  const folder = Object.keys(TAGS).find((start) => name.startsWith(start)) ?? "";
  return [TAGS[folder] ?? "", name.slice(folder.length)];
}

const same = (one: string | undefined, two: string): boolean => one?.toLowerCase() === two.toLowerCase();
