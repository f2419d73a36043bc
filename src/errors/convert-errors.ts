import type { ErrorEntry } from "./error-entry.ts";

/** Failures of `image convert`. */
export const CONVERT_ERRORS = {
  CONVERT_ROOTFS: { doc: "The image must have exactly one root filesystem, and it must be ext2, ext3 or ext4." },
  CONVERT_NODE: {
    doc: "The root filesystem has no Node that can run the agent. Install the package nodejs in it first.",
  },
  CONVERT_AGENT: { doc: "The root filesystem has an agent for updates already." },
  CONVERT_BOOT: {
    doc: "The image lacks what the boot loader of the board needs, or the board cannot be converted to.",
  },
  CONVERT_SPACE: { doc: "The root filesystem does not fit into the slots of the board." },
  CONVERT_BUNDLE: { doc: "Cannot find the files of the agent: switchback.mjs and the folder chunks." },
} as const satisfies Record<string, ErrorEntry>;
