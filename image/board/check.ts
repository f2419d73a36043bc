import type { ImageBoard, Role } from "./schema.ts";

/** A mistake in a board file that the schema cannot find. */
export interface BoardProblem {
  readonly path: readonly PropertyKey[];
  readonly reason: string;
}

const SLOT_ROLES: readonly Role[] = ["rootfsA", "rootfsB", "data"];
const AT_MOST_ONCE: readonly Role[] = ["boot", "bootA", "bootB", "rootfsA", "rootfsB", "data"];

/** Looks for mistakes that concern several keys. */
export function checkBoard(board: ImageBoard): BoardProblem | undefined {
  if ((board.disk === undefined) === (board.ubi === undefined)) {
    return { path: [], reason: "exactly one of disk and ubi is needed" };
  }
  return board.ubi === undefined ? checkPartitions(board) : checkVolumes(board);
}

function checkPartitions({ partitions, bootloader }: ImageBoard): BoardProblem | undefined {
  if (partitions === undefined) return { path: ["partitions"], reason: "missing" };
  const roles = partitions.map(({ role }) => role);
  const missing = SLOT_ROLES.find((role) => !roles.includes(role));
  if (missing !== undefined) return { path: ["partitions"], reason: `no partition has the role ${missing}` };
  const twice = roles.findIndex((role, index) => AT_MOST_ONCE.includes(role) && roles.indexOf(role) < index);
  if (twice >= 0)
    return { path: ["partitions", twice, "role"], reason: `two partitions have the role ${roles[twice]}` };
  const [a, b] = [partitions.find(({ role }) => role === "rootfsA"), roles.indexOf("rootfsB")];
  if (a?.size !== partitions[b]?.size) return { path: ["partitions", b, "size"], reason: "must equal that of rootfsA" };
  const needed = NEEDED[bootloader.kind].find((role) => !roles.includes(role));
  if (needed !== undefined) {
    return { path: ["partitions"], reason: `${bootloader.kind} needs a partition with the role ${needed}` };
  }
  for (const [index, { files = [], content, filesystem, role }] of partitions.entries()) {
    const at = (key: string): readonly PropertyKey[] => ["partitions", index, key];
    const isEmpty = filesystem === "none" || filesystem === "swap" || role === "swap";
    if (files.length > 0 && isEmpty) return { path: at("files"), reason: "needs a filesystem: vfat or ext4" };
    if (content !== undefined && role === "swap") return { path: at("content"), reason: "swap has no content" };
    const wrong = files.findIndex(({ from, text }) => (from === undefined) === (text === undefined));
    if (wrong >= 0) return { path: [...at("files"), wrong], reason: "exactly one of from and text is needed" };
  }
  return checkEnvironment(bootloader, roles);
}

const NEEDED: Readonly<Record<ImageBoard["bootloader"]["kind"], readonly Role[]>> = {
  "u-boot": [],
  grub: ["boot"],
  "rpi-tryboot": ["boot", "bootA", "bootB"],
  none: [],
};

function checkEnvironment(bootloader: ImageBoard["bootloader"], roles: readonly Role[]): BoardProblem | undefined {
  if (bootloader.kind !== "u-boot") return undefined;
  const { files, offsets } = bootloader.environment;
  const path = ["bootloader", "environment"];
  if ((files === undefined) === (offsets === undefined))
    return { path, reason: "exactly one of offsets and files is needed" };
  if (files !== undefined && !roles.includes("boot")) {
    return { path: [...path, "files"], reason: "needs a partition with the role boot" };
  }
  return undefined;
}

function checkVolumes({ ubi, bootloader, partitions }: ImageBoard): BoardProblem | undefined {
  if (partitions !== undefined) return { path: ["partitions"], reason: "ubi has volumes instead" };
  const roles = ubi?.volumes.map(({ role }) => role) ?? [];
  const missing = (["rootfsA", "rootfsB", "data"] as const).find((role) => !roles.includes(role));
  if (missing !== undefined) return { path: ["ubi", "volumes"], reason: `no volume has the role ${missing}` };
  const environments = roles.filter((role) => role === "environment").length;
  if (environments > 2) return { path: ["ubi", "volumes"], reason: "at most two volumes hold the environment" };
  if (bootloader.kind !== "u-boot" && bootloader.kind !== "none") {
    return { path: ["bootloader", "kind"], reason: "with ubi, it must be u-boot or none" };
  }
  return undefined;
}
