export type SectorSize = 512 | 4096;

/** A partition, as `sfdisk --json` describes it, but in bytes. */
export interface TablePartition {
  /** The number in the device's name: 5 in `sda5` and in `mmcblk0p5`. */
  readonly number: number;
  readonly offset: number;
  readonly size: number;
  /** Hexadecimal without leading zeros (`83`) in an MBR; a GUID in upper case in a GPT. */
  readonly type: string;
  /** Only a GPT has names. */
  readonly name?: string;
  /** The PARTUUID: a GUID in upper case, or `5b5b5b5b-02`. An MBR without an identifier has none. */
  readonly uuid?: string;
  readonly bootable?: true;
  /** An extended partition contains logical partitions, and no file system. */
  readonly container?: true;
}

export interface PartitionTable {
  readonly label: "dos" | "gpt";
  /** The identifier of the disk: a GUID in upper case, or `0x5b5b5b5b`. */
  readonly id: string;
  readonly sectorSize: SectorSize;
  /** In the order of their numbers. */
  readonly partitions: readonly TablePartition[];
  /** The state of both copies of a GPT. `different`: valid, but not equal to the primary copy. */
  readonly copies?: { readonly primary: "valid" | "damaged"; readonly backup: "valid" | "damaged" | "different" };
}
