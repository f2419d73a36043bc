import type { Remedies } from "./section.ts";

export const IMAGES = {
  BOARD_FILE_INVALID:
    "`file` and `line` show the place, `key` the key, and `reason` what is wrong with it. [Images](../guides/images.md) " +
    "describes every key.",
  IMAGE_INPUT:
    "`path` and `reason` show the file and what is wrong with it. A root filesystem is a folder, an image of a " +
    "filesystem, or a tar archive, which may be compressed.",
  IMAGE_SPACE:
    "`place` names the partition or file, and `needs` and `has` show the sizes in bytes or in files. Raise `size` in " +
    "the board file.",
} satisfies Remedies;
