/** Folders with all code that builds boards, and with its input files. A change in them makes the cache build anew. */
export const BOARD_BUILDERS: readonly string[] = [
  "image",
  "image/board",
  "image/ext4",
  "image/tree",
  "qemu/image",
  "qemu/boards",
  "qemu/guest",
];
