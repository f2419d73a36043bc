import { AgentError } from "../../src/errors/agent-error.ts";
import { grubEnvironment } from "../grub-partition.ts";
import { environmentPlace, firstPartition } from "./environment-place.ts";
import { grubScript } from "./grub.ts";
import { bootFolder, dataFolder } from "./mounts.ts";
import { down, numberOf, wrong } from "./numbers.ts";
import { partitionNamed, partitionsOf, type YoctoPartition } from "./partitions.ts";
import { valueIn } from "./read-variables.ts";
import type { DiskLabel, Settings } from "./settings.ts";

const SECTOR = 512;
/** A GPT with 128 entries, and the sector in front of it. */
const TABLE_SECTORS: Readonly<Record<DiskLabel, number>> = { dos: 1, gpt: 34 };
const ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
const OFFSET = "MENDER_IMAGE_BOOTLOADER_BOOTSECTOR_OFFSET";

/** The inputs that a board file names. */
export interface BoardFiles {
  /** Text of U-Boot's environment. */
  readonly environment: string;
  /** Folder or archive with the files of the boot partition. */
  readonly boot?: string | undefined;
  /** Folder, archive or image of the data partition. */
  readonly data?: string | undefined;
  /** File for the space in front of the partitions. */
  readonly bootloader?: string | undefined;
  /** Whether the boot partition brings its own script for GRUB. */
  readonly hasScript?: boolean | undefined;
}

/**
 * The board file for `image create`, as an object. It describes the disk that the variables mean.
 *
 * @throws {AgentError} YOCTO_VARIABLE, YOCTO_VARIABLE_MISSING, YOCTO_SPACE
 */
export function boardOf(settings: Settings, label: DiskLabel, files: BoardFiles) {
  const { variables, bootloader, alignment, totalBytes, device, deviceType } = settings;
  const partitions = partitionsOf(settings, label);
  const id = diskId(partitions, label);
  return {
    name: nameOf(valueIn(variables, "MACHINE") ?? deviceType),
    deviceType,
    disk: { label, size: down(totalBytes, alignment), alignment, start: firstPartition(settings), device, ...id },
    partitions: partitions.map((partition) => partitionFor(settings, partition, partitions, label, files)),
    bootloader: bootloader === "u-boot" ? uBoot(settings, files) : { kind: "none" as const },
    ...(files.bootloader !== undefined && { raw: [rawFile(settings, label, files.bootloader)] }),
  };
}

/** Identifiers in the image depend on the name. */
const nameOf = (machine: string): string => machine.replace(/[^\w.+-]/g, "-");

function uBoot(settings: Settings, { environment }: BoardFiles) {
  const { offsets, bytes, isOnDisk } = environmentPlace(settings);
  if (!isOnDisk) return { kind: "none" as const };
  return { kind: "u-boot" as const, environment: { variables: environment, size: bytes, offsets: [...offsets] } };
}

function partitionFor(
  settings: Settings,
  partition: YoctoPartition,
  all: readonly YoctoPartition[],
  label: DiskLabel,
  { boot, data, hasScript }: BoardFiles,
) {
  const { bootloader, features } = settings;
  const { role, bytes, filesystem, partuuid } = partition;
  const isEsp = role === "boot" && bootloader === "grub";
  const script = { text: grubScript(settings, all, label), to: "EFI/BOOT/grub.cfg" };
  const blocks = [...grubEnvironment(partitionNamed(all, "rootfsA").number)];
  const added = blocks.map(([to, content]) => ({ text: content.toString("latin1"), to }));
  const content = role === "boot" ? boot : role === "data" ? data : undefined;
  const isCopy = role === "rootfsB" && features.has("mender-prepopulate-inactive-partition");
  return {
    role,
    size: bytes,
    filesystem,
    label: partition.label,
    ...(isEsp && label === "gpt" && { type: ESP }),
    ...(isEsp && { files: hasScript === true ? added : [script, ...added] }),
    ...(partuuid !== undefined && label === "gpt" && { partuuid }),
    ...(role === "boot" && { mount: bootFolder(settings) }),
    ...(role === "data" && { mount: dataFolder(settings) }),
    ...(content !== undefined && { content }),
    ...(isCopy && { content: "rootfs" }),
  };
}

/** On a DOS disk, a PARTUUID is the identifier of the disk with the number of the partition. */
function diskId(partitions: readonly YoctoPartition[], label: DiskLabel): { readonly id?: string } {
  if (label === "gpt") return {};
  const given = partitions.flatMap(({ partuuid, number }) => (partuuid === undefined ? [] : [{ partuuid, number }]));
  const ids = given.map(({ partuuid, number }) => {
    const [, id, digits] = /^([0-9a-f]{8})-([0-9a-f]{2})$/i.exec(partuuid) ?? [];
    if (id !== undefined && Number.parseInt(digits ?? "", 16) === number) return id;
    const reason = `on a DOS disk, partition ${number} has a PARTUUID such as 12345678-${number.toString(16).padStart(2, "0")}`;
    throw new AgentError("YOCTO_VARIABLE", { variable: "MENDER_ROOTFS_PART_A", value: partuuid, reason });
  });
  const [first] = ids;
  if (first === undefined) return {};
  if (ids.every((id) => id === first)) return { id: first };
  throw wrong("MENDER_ROOTFS_PART_B", ids.join(" "), "all partitions of a DOS disk have the same first part");
}

/** The boot loader in front of the partitions. Its size is checked when it is copied. */
function rawFile(settings: Settings, label: DiskLabel, from: string) {
  const sector = numberOf(settings.variables, OFFSET) ?? 0;
  if (sector >= TABLE_SECTORS[label]) return { from, offset: sector * SECTOR };
  throw wrong(OFFSET, sector, `the partition table has the sectors up to ${TABLE_SECTORS[label] - 1}`);
}

/** The board file as text: JSON is YAML, too. */
export const boardText = (board: ReturnType<typeof boardOf>): string =>
  `# Made by switchback yocto board, for switchback image create.\n${JSON.stringify(board, undefined, 2)}\n`;
