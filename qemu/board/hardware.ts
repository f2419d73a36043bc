import { existsSync } from "node:fs";
import { resolve } from "node:path";
import * as z from "zod/mini";

const count = z.int().check(z.positive());
const text = z.string().check(z.minLength(1));
const names = z.array(text);

export const ARCHITECTURES = ["amd64", "arm64", "armhf"] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** How the disk is connected. Device names follow from it: `/dev/nvme0n1`, `/dev/vda`, `/dev/sda`, `/dev/mmcblk0`. */
const Connection = z.enum(["nvme", "virtio", "sata", "scsi", "usb", "sd"]);

/** `qemu.machine` in a board file. All keys have a default. */
export const MachineSchema = z.strictObject({
  /** QEMU's program. */
  program: z.optional(text),
  memoryMiB: z.optional(count),
  /** Machine type and processor, and whatever else QEMU needs. */
  arguments: z.optional(names),
  /** A connection, or the options of `-drive` besides file, format and cache. */
  disk: z.optional(z.union([Connection, names])),
  /** With a list of options: the value of `-device` that they belong to. */
  diskDevice: z.optional(text),
  /** The value of `-device` for the network card. */
  network: z.optional(text),
  /** Options of QEMU's translator, used when the host's processor does not run the guest. */
  translator: z.optional(text),
  /** UEFI firmware. Default: that of the distribution; none for SD cards, and with `kernel`. */
  firmware: z.optional(z.union([z.literal("none"), z.strictObject({ code: text, variables: text })])),
  /** A file that QEMU loads: U-Boot, or a kernel. Relative to the board file. */
  kernel: z.optional(text),
  /** Regular expression for the line on the console that the system writes when it is up. Default: ssh answers. */
  up: z.optional(text),
});
export type MachineKeys = z.infer<typeof MachineSchema>;

/** A machine for QEMU, with nothing left to choose. */
export interface Hardware {
  readonly program: string;
  readonly memoryMiB: number;
  readonly arguments: readonly string[];
  /** Options of `-drive` besides file, format and cache. */
  readonly drive: readonly string[];
  /** Values of `-device` for the disk. */
  readonly diskDevices: readonly string[];
  readonly network: string;
  readonly translator?: string | undefined;
  readonly firmware?: Firmware | undefined;
  readonly kernel?: string | undefined;
  /** SD cards have sizes of a power of two only. */
  readonly needsPowerOfTwo: boolean;
  readonly up?: string | undefined;
}

/** Files of UEFI firmware: its code, and the variables of a new machine. */
export interface Firmware {
  readonly code: string;
  readonly variables: string;
}

interface Defaults {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly translator?: string;
  /** Where distributions install it: the first pair that exists is used. */
  readonly firmware: readonly (readonly [code: string, variables: string])[];
}

const DEFAULTS: Readonly<Record<Architecture, Defaults>> = {
  amd64: {
    program: "qemu-system-x86_64",
    // Of the processors that QEMU translates for, one with little to translate, and with its own random numbers.
    arguments: ["-M", "q35", "-cpu", "Nehalem,+rdrand", "-vga", "none"],
    // With a larger store, a reboot takes ten seconds longer.
    translator: "tb-size=100",
    firmware: [
      ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"],
      ["/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"],
      ["/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"],
      ["/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"],
    ],
  },
  arm64: {
    program: "qemu-system-aarch64",
    arguments: ["-M", "virt", "-cpu", "cortex-a57"],
    firmware: [
      ["/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"],
      ["/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw", "/usr/share/edk2/aarch64/vars-template-pflash.raw"],
    ],
  },
  armhf: {
    program: "qemu-system-arm",
    arguments: ["-M", "virt", "-cpu", "cortex-a15"],
    firmware: [["/usr/share/AAVMF/AAVMF32_CODE.fd", "/usr/share/AAVMF/AAVMF32_VARS.fd"]],
  },
};

const MEMORY_MIB = 1024;
/** Without its own boot program, which this network card has no use for. */
const NETWORK = "virtio-net-pci,romfile=";

const DETACHED = ["if=none", "id=disk"];
const FIRST = "drive=disk,bootindex=0";
const CONNECTIONS: Readonly<Record<z.infer<typeof Connection>, readonly [readonly string[], readonly string[]]>> = {
  nvme: [DETACHED, [`nvme,serial=switchback,${FIRST}`]],
  virtio: [DETACHED, [`virtio-blk-pci,${FIRST}`]],
  sata: [DETACHED, [`ide-hd,bus=ide.0,${FIRST}`]],
  scsi: [DETACHED, ["virtio-scsi-pci", `scsi-hd,${FIRST}`]],
  usb: [DETACHED, ["qemu-xhci", `usb-storage,${FIRST}`]],
  sd: [["if=sd"], []],
};

export interface HardwareOptions {
  readonly architecture: Architecture;
  readonly machine: MachineKeys;
  /** The name of the disk on the device, which shows how it is connected. */
  readonly diskNode?: string | undefined;
  /** The folder of the board file. */
  readonly folder: string;
}

/** Fills in the defaults. */
export function hardwareOf({ architecture, machine, diskNode = "", folder }: HardwareOptions): Hardware {
  const defaults = DEFAULTS[architecture];
  const { disk = connectionOf(diskNode, architecture), diskDevice, kernel, up } = machine;
  const [drive, diskDevices] =
    typeof disk === "string" ? CONNECTIONS[disk] : [disk, diskDevice === undefined ? [] : [diskDevice]];
  const isSdCard = drive.includes("if=sd");
  // A machine that QEMU loads a file into needs no firmware to find one on the disk.
  const usual = isSdCard || kernel !== undefined ? undefined : installed(defaults);
  return {
    program: machine.program ?? defaults.program,
    memoryMiB: machine.memoryMiB ?? MEMORY_MIB,
    arguments: machine.arguments ?? defaults.arguments,
    drive,
    diskDevices,
    network: machine.network ?? NETWORK,
    translator: machine.translator ?? defaults.translator,
    firmware: machine.firmware === undefined ? usual : given(machine.firmware, folder),
    kernel: kernel && resolve(folder, kernel),
    needsPowerOfTwo: isSdCard,
    up,
  };
}

const given = (firmware: NonNullable<MachineKeys["firmware"]>, folder: string): Firmware | undefined =>
  firmware === "none"
    ? undefined
    : { code: resolve(folder, firmware.code), variables: resolve(folder, firmware.variables) };

function connectionOf(node: string, architecture: Architecture): z.infer<typeof Connection> {
  if (node.startsWith("/dev/nvme")) return "nvme";
  if (node.startsWith("/dev/mmcblk")) return "sd";
  if (node.startsWith("/dev/sd")) return architecture === "amd64" ? "sata" : "scsi";
  return "virtio";
}

/** @returns the first pair also where none is installed: its absence is reported when the machine starts */
function installed({ firmware }: Defaults): Firmware | undefined {
  const [code, variables] = firmware.find(([path]) => existsSync(path)) ?? firmware[0] ?? [];
  return code === undefined || variables === undefined ? undefined : { code, variables };
}
