import { open, rm, stat, truncate } from "node:fs/promises";
import { packingOf } from "../../image/inspect/kind-of-file.ts";
import { unpackImage } from "../../image/inspect/unpack.ts";
import { run } from "../../image/run.ts";

/** An image without compression. */
export interface PlainImage {
  readonly path: string;
  /** Writes a sparse copy for a machine to change. @param powerOfTwo makes it larger for an SD card */
  copyTo(path: string, powerOfTwo: boolean): Promise<void>;
}

/**
 * The image itself, which is never written to; or a file `unpacked` with the content of a compressed one.
 *
 * @throws {AgentError} IMAGE_UNREADABLE, IMAGE_KIND, IMAGE_IS_ARTIFACT, IMAGE_COMPRESSED
 */
export async function plainImage(
  path: string,
  unpacked: string,
  signal: AbortSignal,
  advance: (bytes: number) => void,
): Promise<PlainImage> {
  const packing = await packingOf(path);
  if (packing !== undefined) await unpackImage(path, packing, unpacked, signal, advance);
  const plain = packing === undefined ? path : unpacked;
  return {
    path: plain,
    async copyTo(target, powerOfTwo) {
      await rm(target, { force: true });
      await run(["cp", "--sparse=always", "--reflink=auto", plain, target]);
      await makeWritable(target);
      const { size } = await stat(target);
      const wanted = powerOfTwo ? 2 ** Math.ceil(Math.log2(size)) : size;
      if (wanted > size) await truncate(target, wanted);
    },
  };
}

/** An image may be read-only, and its copy would be, too. */
async function makeWritable(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.chmod(0o600);
  } finally {
    await file.close();
  }
}
