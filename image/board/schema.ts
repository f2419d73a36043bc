import * as z from "zod/mini";
import { Size } from "./size.ts";

const text = z.string().check(z.minLength(1));
const uuid = z.string().check(z.regex(/^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/, "expected a UUID"));
/** A path inside a filesystem. It must not leave it. */
const inside = text.check(z.refine((path) => !path.split("/").includes(".."), "must not contain .."));
const mode = z.pipe(
  z.union([z.int(), z.string().check(z.regex(/^[0-7]{3,5}$/, "expected octal digits, such as 0644"))]),
  z.transform((value: string | number) => (typeof value === "number" ? value : Number.parseInt(value, 8))),
);

const FileCopy = z.strictObject({
  /** File or folder on the build machine, relative to the board file. */
  from: z.optional(text),
  /** Text to write instead of a copy. */
  text: z.optional(z.string()),
  to: inside,
  mode: z.optional(mode),
});

export const ROLES = ["boot", "bootA", "bootB", "rootfsA", "rootfsB", "data", "swap", "extra"] as const;
export type Role = (typeof ROLES)[number];

const Partition = z.strictObject({
  role: z.enum(ROLES),
  size: Size,
  filesystem: z.optional(z.enum(["vfat", "ext4", "swap", "none"])),
  /** Name in a GPT, and label of the filesystem. */
  label: z.optional(text),
  /** Type in the partition table: two hexadecimal digits, or a GUID. */
  type: z.optional(text),
  /** Identifier in a GPT. */
  partuuid: z.optional(uuid),
  /** Identifier of the filesystem. */
  uuid: z.optional(text),
  mount: z.optional(text),
  /** `rootfs` copies the root filesystem; any other text is a folder, image or tar archive. */
  content: z.optional(text),
  files: z.optional(z.array(FileCopy)),
});

const Disk = z.strictObject({
  label: z.enum(["dos", "gpt"]),
  size: z.optional(Size),
  alignment: z.optional(Size),
  start: z.optional(Size),
  device: text,
  id: z.optional(text),
});

const Environment = z.strictObject({
  variables: text,
  size: Size,
  offsets: z.optional(z.array(Size).check(z.minLength(1), z.maxLength(2))),
  /** Names of one or two files on the boot partition, instead of offsets. */
  files: z.optional(z.array(inside).check(z.minLength(1), z.maxLength(2))),
});

const UBoot = z.strictObject({ kind: z.literal("u-boot"), environment: Environment });
const Grub = z.strictObject({
  kind: z.literal("grub"),
  /** GRUB's script, with the placeholders `@DISK@` and `@CONSOLE@`. */
  script: text,
  target: z.optional(z.enum(["x86_64-efi", "i386-efi", "arm64-efi", "arm-efi", "riscv64-efi"])),
  modules: z.optional(z.array(text)),
});
const Tryboot = z.strictObject({ kind: z.literal("rpi-tryboot") });
const None = z.strictObject({ kind: z.literal("none") });

const Raw = z.strictObject({ from: text, offset: Size });

const UbiVolume = z.strictObject({
  role: z.enum(["rootfsA", "rootfsB", "data", "environment", "extra"]),
  name: text,
  size: Size,
  type: z.optional(z.enum(["dynamic", "static"])),
  filesystem: z.optional(z.enum(["ubifs", "none"])),
  content: z.optional(text),
  files: z.optional(z.array(FileCopy)),
});
const Ubi = z.strictObject({
  /** Size of a physical erase block. */
  eraseBlock: Size,
  /** Smallest unit of a write: the page of NAND flash. */
  page: Size,
  subPage: z.optional(Size),
  device: text,
  volumes: z.array(UbiVolume).check(z.minLength(1)),
});

const FirstBoot = z.strictObject({
  growData: z.optional(z.boolean()),
  machineId: z.optional(z.boolean()),
});

/** A board file. docs/guides/images.md describes each key, and a test compares the two. */
export const BoardSchema = z.strictObject({
  name: z.string().check(z.regex(/^[\w.+-]+$/, "expected letters, digits and .+-_")),
  deviceType: text,
  console: z.optional(text),
  disk: z.optional(Disk),
  partitions: z.optional(z.array(Partition).check(z.minLength(1))),
  ubi: z.optional(Ubi),
  bootloader: z.discriminatedUnion("kind", [UBoot, Grub, Tryboot, None]),
  raw: z.optional(z.array(Raw)),
  rootfs: z.optional(z.strictObject({ files: z.optional(z.array(FileCopy)) })),
  firstBoot: z.optional(FirstBoot),
  /** For the boards under QEMU, which read it themselves. */
  qemu: z.optional(z.unknown()),
});

type BoardFile = z.infer<typeof BoardSchema>;
export type BoardFileCopy = z.infer<typeof FileCopy>;
export type BoardPartition = z.infer<typeof Partition>;
/** The description of an image. `folder` is the folder of the board file: paths in it are relative to this folder. */
export type ImageBoard = Readonly<BoardFile> & { readonly folder: string; readonly file: string };
