import type { ErrorEntry } from "./error-entry.ts";

/** Failures of work on the files in an image. */
export const IMAGE_FILE_ERRORS = {
  IMAGE_UNREADABLE: { doc: "Cannot open the image." },
  IMAGE_FILE_SYSTEM: { doc: "Switchback changes files only in ext2, ext3, ext4 and FAT file systems." },
  IMAGE_ARGUMENT: { doc: "The command needs a file in an image, written as IMAGE:PATH." },
  IMAGE_PATH: { doc: "The tools cannot name a file with this path in an image." },
  IMAGE_FILE_MISSING: { doc: "The image has no such file or folder." },
  IMAGE_FILE_KIND: { doc: "The path in the image does not lead to what the command needs." },
  IMAGE_PARTITION: { doc: "The image has no partition for this path." },
  IMAGE_FULL: { doc: "The file system in the image is full." },
  IMAGE_DAMAGED: { doc: "The file system in the image has errors." },
  IMAGE_TOOL_MISSING: { doc: "A program that works on images is not installed." },
  IMAGE_TOOL_FAILED: { doc: "A program that works on images failed." },
} as const satisfies Record<string, ErrorEntry>;
