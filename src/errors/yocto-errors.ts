import type { ErrorEntry } from "./error-entry.ts";

/** Failures of `switchback yocto`. */
export const YOCTO_ERRORS = {
  YOCTO_VARIABLES_FILE: {
    doc: "Cannot read the variables of the build: the file must hold one JSON object of strings.",
  },
  YOCTO_VARIABLE: { doc: "A variable of the build has a value that cannot work." },
  YOCTO_VARIABLE_MISSING: { doc: "The build needs a variable that is not set." },
  YOCTO_VARIABLE_RENAMED: { doc: "A variable of the build has another name now." },
  YOCTO_SPACE: { doc: "The storage medium is too small for the partitions." },
  YOCTO_ROOTFS_SPACE: { doc: "The root filesystem does not fit into a slot." },
  YOCTO_SCRIPT_NAME: { doc: "A state script must have a name such as ArtifactInstall_Enter_10_check." },
  YOCTO_UBOOT_CONFIG: { doc: "The configuration of U-Boot does not fit the layout of the disk." },
} as const satisfies Record<string, ErrorEntry>;
