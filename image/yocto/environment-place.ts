import { AgentError } from "../../src/errors/agent-error.ts";
import { numberOf, up, wrong } from "./numbers.ts";
import { valueIn } from "./read-variables.ts";
import type { Settings } from "./settings.ts";

/** Where U-Boot's environment is. */
export interface EnvironmentPlace {
  readonly offsets: readonly [first: number, second: number];
  readonly bytes: number;
  /** The device in the running system. */
  readonly device: string;
  /** Number of the MMC device, and its hardware partition, as U-Boot counts. */
  readonly mmc: number;
  readonly hardwarePartition: number;
  /** Whether it is on the disk of the image; else a hardware partition of the eMMC has it. */
  readonly isOnDisk: boolean;
}

const FIRST = "MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET";
const RESERVED = "MENDER_RESERVED_SPACE_BOOTLOADER_DATA";

/** @throws {AgentError} YOCTO_VARIABLE, if the copies overlap each other or a partition */
export function environmentPlace(settings: Settings): EnvironmentPlace {
  const { variables, alignment, device: disk } = settings;
  const bytes = numberOf(variables, "BOOTENV_SIZE") ?? 0;
  const first = numberOf(variables, `${FIRST}_1`) ?? numberOf(variables, FIRST) ?? alignment;
  const second = numberOf(variables, `${FIRST}_2`) ?? first + up(bytes, alignment);
  const part = numberOf(variables, "MENDER_UBOOT_CONFIG_SYS_MMC_ENV_PART") ?? 0;
  const device =
    valueIn(variables, "MENDER_UBOOT_MMC_ENV_LINUX_DEVICE_PATH") ?? (part === 0 ? disk : `${disk}boot${part - 1}`);
  const isOnDisk = part === 0 && device === disk;
  if (bytes === 0) throw wrong("BOOTENV_SIZE", bytes, "a copy of the environment needs space");
  if (Math.abs(second - first) < bytes) {
    throw wrong(
      `${FIRST}_2`,
      hex(second),
      `the copies overlap: each has ${hex(bytes)} bytes, and the first is at ${hex(first)}`,
    );
  }
  const partitions = firstPartition(settings);
  const end = Math.max(first, second) + bytes;
  if (isOnDisk && end > partitions) {
    throw wrong(
      RESERVED,
      hex(settings.reservedBytes),
      `the environment ends at ${hex(end)}, and the first partition starts at ${hex(partitions)}`,
    );
  }
  return { offsets: [first, second], bytes, device, mmc: mmcOf(settings), hardwarePartition: part, isOnDisk };
}

/** Where the first partition starts. */
export const firstPartition = ({ alignment, reservedBytes }: Settings): number =>
  alignment + up(reservedBytes, alignment);

/** The number of the disk, as U-Boot counts. */
function mmcOf({ variables, device }: Settings): number {
  const given = valueIn(variables, "MENDER_UBOOT_STORAGE_DEVICE");
  return Number(given ?? /(\d+)$/.exec(device)?.[1] ?? "0");
}

/** U-Boot's name for the interface of the disk. @throws {AgentError} YOCTO_VARIABLE_MISSING */
export function interfaceOf({ variables, device }: Settings): string {
  const given = valueIn(variables, "MENDER_UBOOT_STORAGE_INTERFACE");
  if (given !== undefined) return given;
  for (const [pattern, name] of INTERFACES) if (pattern.test(device)) return name;
  const reason = `U-Boot's name of the interface of ${device} is not known`;
  throw new AgentError("YOCTO_VARIABLE_MISSING", { variable: "MENDER_UBOOT_STORAGE_INTERFACE", reason });
}

const INTERFACES: readonly (readonly [RegExp, string])[] = [
  [/^\/dev\/mmcblk/, "mmc"],
  [/^\/dev\/nvme/, "nvme"],
  [/^\/dev\/sd/, "scsi"],
  [/^\/dev\/vd/, "virtio"],
  [/^\/dev\/hd/, "ide"],
];

/** The number of the disk on that interface, as U-Boot counts. */
export function diskNumber({ variables, device }: Settings): string {
  const given = valueIn(variables, "MENDER_UBOOT_STORAGE_DEVICE");
  const [, letter, digits] = /^\/dev\/(?:[shv]d([a-z])|mmcblk(\d+)|nvme\d+n\d+)$/.exec(device) ?? [];
  return given ?? digits ?? String(letter === undefined ? 0 : letter.charCodeAt(0) - "a".charCodeAt(0));
}

export const hex = (value: number): string => `0x${value.toString(16).toUpperCase()}`;

/** The text of fw_env.config. */
export const fwEnvConfig = ({ device, offsets, bytes }: EnvironmentPlace): string =>
  offsets.map((offset) => `${device} 0x${offset.toString(16)} 0x${bytes.toString(16)}\n`).join("");
