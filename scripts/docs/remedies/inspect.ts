import type { Remedies } from "./section.ts";

export const IMAGES_READ = {
  IMAGE_KIND:
    "`found` names what the file is, and `convert` a command that makes an image of it. Without them, the file has neither " +
    "a partition table nor a file system at its start: check that it is the right file, and that it is complete.",
  IMAGE_IS_ARTIFACT:
    "Run `switchback artifact read FILE`. To inspect the root filesystem in the Artifact, extract it first with " +
    "`switchback artifact dump`.",
  IMAGE_COMPRESSED:
    "Get the image again: it was not downloaded or copied completely. Check it with `gzip -t`, `xz -t` or `zstd -t`. If the " +
    "cause says that no space is left, set `TMPDIR` to a folder with room for the image.",
} satisfies Remedies;

export const HARNESS = {
  HARNESS_MISSING:
    "Install the Debian package that `package` names, or correct the path in the board file: `program` or `file` is not " +
    "there, or cannot be read.",
  HARNESS_SLOTS:
    "Run `switchback image inspect` on the image. `switchback-qemu` tests images of disks with two slots. " +
    "`switchback image convert` makes one of an image with a single root filesystem.",
} satisfies Remedies;
