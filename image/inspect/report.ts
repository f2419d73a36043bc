import type { PartitionTable, TablePartition } from "../table/table.ts";

/** What `image inspect` found, which is also the object that `--json` prints. New versions may add keys. */
export interface ImageReport {
  readonly path: string;
  /** Size of the image, which of a compressed file is the size without compression. */
  readonly size: number;
  readonly compression?: "gzip" | "xz" | "zstd";
  readonly kind: "disk" | "file system";
  readonly table?: Omit<PartitionTable, "partitions">;
  /** Of the image of a single file system, the only one has the number 0. */
  readonly partitions: readonly ReportedPartition[];
  /** The root file systems, in the order of their partitions. */
  readonly systems: readonly RootSystem[];
  readonly bootloader?: BootloaderReport;
  readonly deviceType?: string;
  /** The Artifact that the device reports at its first start. */
  readonly artifact?: NamedArtifact;
  readonly ok: boolean;
  readonly findings: readonly ImageFinding[];
}

export interface NamedArtifact {
  readonly name: string;
  /** The file that names it. */
  readonly from: string;
}

export type Role = "boot" | "A" | "B" | "root" | "data" | "swap";

export interface ReportedPartition extends TablePartition {
  /** What the image uses it for, as far as that is known. */
  readonly role?: Role;
  readonly fileSystem?: FileSystemReport;
}

export interface FileSystemReport {
  /** `ext4`, `vfat`, `squashfs`, `swap` and others. */
  readonly type: string;
  readonly label?: string;
  readonly uuid?: string;
  /** In bytes. A file system can be smaller than its partition. */
  readonly size?: number;
  readonly used?: number;
  /** False if it was not unmounted, or if an error was found in it. */
  readonly clean?: boolean;
}

/** A file system with an operating system. */
export interface RootSystem {
  readonly partition: number;
  /** `PRETTY_NAME` of its `os-release`. */
  readonly os?: string;
  readonly artifactName?: string;
  readonly systemd: boolean;
  readonly agents: readonly AgentReport[];
  /** The version is known if a package manager installed Node. */
  readonly node?: { readonly path: string; readonly version?: string };
}

export interface AgentReport {
  readonly name: "switchback" | "mender";
  readonly path: string;
  readonly version?: string;
  /** The unit of systemd that starts it at boot. */
  readonly unit?: string;
}

export interface BootloaderReport {
  readonly kind: "uboot" | "grub" | "systemd-boot" | "rpi-tryboot";
  /** The slot that the next start boots, and its partition. */
  readonly boots?: { readonly slot?: "A" | "B"; readonly partition: number; readonly trial: boolean };
  /** Absent for boot loaders that have files instead of an environment. */
  readonly environment?: EnvironmentReport;
}

export interface EnvironmentReport {
  readonly copies: readonly { readonly place: string; readonly valid: boolean }[];
  readonly variables: Readonly<Record<string, string>>;
}

export interface ImageFinding {
  readonly level: "ok" | "warning" | "wrong";
  readonly subject: string;
  readonly found: string;
  /** What to do about it; absent if nothing is wrong. */
  readonly advice?: string;
}
