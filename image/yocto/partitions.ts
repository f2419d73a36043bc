import { numberOf, up, wrong } from "./numbers.ts";
import { valueIn } from "./read-variables.ts";
import type { DiskLabel, Settings } from "./settings.ts";
import { slotBytes } from "./slot-size.ts";

export type YoctoRole = "boot" | "rootfsA" | "rootfsB" | "swap" | "data" | "extra";

/** A partition as the variables describe it. */
export interface YoctoPartition {
  readonly role: YoctoRole;
  /** As the kernel counts. */
  readonly number: number;
  readonly bytes: number;
  /** Device in the running system. */
  readonly device: string;
  readonly label: string;
  /** Of an extra partition: its name in the variables. */
  readonly name?: string;
  readonly filesystem: "vfat" | "ext4" | "swap" | "none";
  /** Of a slot that the build names by it. */
  readonly partuuid?: string;
}

const DOS_PRIMARY = 4;
const BY_PARTUUID = /^\/dev\/disk\/by-partuuid\/(.+)$/;
/** The variables that name the device of a partition. */
const DEVICES: Partial<Readonly<Record<YoctoRole, string>>> = {
  boot: "MENDER_BOOT_PART",
  rootfsA: "MENDER_ROOTFS_PART_A",
  rootfsB: "MENDER_ROOTFS_PART_B",
  data: "MENDER_DATA_PART",
};

/** The partitions in their order on the disk. @throws {AgentError} YOCTO_SPACE, YOCTO_VARIABLE */
export function partitionsOf(settings: Settings, label: DiskLabel = settings.label): readonly YoctoPartition[] {
  const { alignment, bootBytes, dataBytes, swapBytes, extras, base, variables } = settings;
  const slot = slotBytes(settings, label);
  const text = (name: string): string => valueIn(variables, name) ?? "";
  const parts: readonly Omit<YoctoPartition, "number" | "device">[] = [
    { role: "boot", bytes: bootBytes, label: text("MENDER_BOOT_PART_LABEL"), filesystem: "vfat" },
    { role: "rootfsA", bytes: slot, label: "rootfsA", filesystem: "ext4" },
    { role: "rootfsB", bytes: slot, label: "rootfsB", filesystem: "ext4" },
    { role: "swap", bytes: swapBytes, label: "swap", filesystem: "swap" },
    { role: "data", bytes: dataBytes, label: text("MENDER_DATA_PART_LABEL"), filesystem: "ext4" },
    ...extras.map(({ sizeBytes, ...part }) => ({ role: "extra" as const, bytes: sizeBytes, ...part })),
  ];
  const present = parts.filter(({ bytes }) => bytes > 0);
  const isSplit = label === "dos" && present.length > DOS_PRIMARY;
  return present.map((part, index) => {
    const number = index + (isSplit && index >= DOS_PRIMARY - 1 ? 2 : 1);
    const { role, filesystem, name } = part;
    return {
      ...{ role, filesystem, number, label: part.label, bytes: up(part.bytes, alignment) },
      ...(name !== undefined && { name }),
      ...namesOf(settings, role, number, `${base}${number}`),
    };
  });
}

/** The device that a variable gives to a partition. It must be the partition that the layout has there. */
function namesOf({ variables }: Settings, role: YoctoRole, number: number, device: string) {
  const variable = DEVICES[role];
  if (variable === undefined) return { device };
  const wanted = numberOf(variables, `${variable}_NUMBER`);
  if (wanted !== undefined && wanted !== number) throw elsewhere(`${variable}_NUMBER`, wanted, role, number);
  const given = valueIn(variables, variable);
  if (given === undefined) return { device };
  const partuuid = BY_PARTUUID.exec(given)?.[1];
  if (partuuid !== undefined) return { device: given, partuuid };
  const [digits] = /\d+$/.exec(given) ?? [];
  if (given.startsWith("/dev/disk/") || Number(digits) === number) return { device: given };
  throw elsewhere(variable, given, role, number);
}

const elsewhere = (variable: string, value: string | number, role: YoctoRole, number: number) =>
  wrong(variable, value, `on this disk ${role} is partition ${number}`);

/** The partition with this role; the slots and the data partition always exist. */
export function partitionNamed(partitions: readonly YoctoPartition[], role: YoctoRole): YoctoPartition {
  const found = partitions.find((partition) => partition.role === role);
  if (found === undefined) throw new Error(`there is no partition ${role}`);
  return found;
}
