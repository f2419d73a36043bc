import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { ImageBoard } from "../board/schema.ts";
import { type CreatedImage, createImage, type ImageInputs } from "../create.ts";
import { createExtFiles } from "../files/ext-files.ts";
import { packingOf } from "../inspect/kind-of-file.ts";
import { unpackImage } from "../inspect/unpack.ts";
import { layoutOf } from "../layout.ts";
import { partitionOf } from "../placeholders.ts";
import { bootFiles } from "./boot-files.ts";
import { copyRange } from "./copy-range.ts";
import { findPlainSystem } from "./find-plain-system.ts";
import { fitFileSystem } from "./fit-file-system.ts";
import { type AgentFiles, layOutSystem } from "./lay-out-system.ts";
import { putTree } from "./put-tree.ts";

export interface ConvertInputs extends Pick<ImageInputs, "bmap" | "output" | "onWrite" | "onCompress"> {
  /** The image with one root filesystem. */
  readonly image: string;
  readonly agent: AgentFiles;
  /** Name of the first Artifact; the device reports it. */
  readonly artifactName?: string | undefined;
  readonly onUnpack?: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** Receives the finished root filesystem, and makes Artifacts. The file exists only during the call. */
export type RootfsTaker = (rootfs: string, folder: string) => Promise<{ readonly bootstrap?: Uint8Array }>;

/**
 * Turns an image with one root filesystem into one that can be updated. It copies the filesystem as blocks, so that
 * everything in it stays as it is (owners, modes, attributes, links, devices), and changes files in the copy. It needs
 * no root, and changes nothing in the input. After a failure there is no output file.
 *
 * @throws {AgentError} CONVERT_ROOTFS, CONVERT_NODE, CONVERT_AGENT, CONVERT_BOOT, CONVERT_SPACE, and the errors of
 * `createImage` and of the tools
 */
export async function convertImage(board: ImageBoard, inputs: ConvertInputs, take: RootfsTaker): Promise<CreatedImage> {
  const { signal, output } = inputs;
  const layout = layoutOf(board);
  const slot = partitionOf(layout, "rootfsA");
  if (slot === undefined || slot.filesystem !== "ext4") {
    throw new AgentError("CONVERT_BOOT", { board: board.file, reason: "rootfsA must be a partition with ext4" });
  }
  // Beside the output there is room for an image; the folder of temporary files can be in memory.
  const work = await mkdtemp(join(dirname(output) || tmpdir(), ".switchback-convert-"));
  try {
    const packing = await packingOf(inputs.image);
    const image = packing === undefined ? inputs.image : join(work, "input");
    if (packing !== undefined)
      await unpackImage(inputs.image, packing, image, signal, inputs.onUnpack ?? (() => undefined));
    const plain = await findPlainSystem(image, inputs.image, signal);
    const rootfs = join(work, "rootfs");
    await copyRange({ path: image, offset: plain.root.offset, size: plain.root.size }, rootfs, signal);
    await fitFileSystem(rootfs, slot.size, signal);
    const place = { path: rootfs, offset: 0, size: (await stat(rootfs)).size };
    const stage = join(work, "stage");
    await mkdir(stage);
    await layOutSystem(stage, {
      board,
      layout,
      tree: plain.tree,
      agent: inputs.agent,
      artifactName: inputs.artifactName,
    });
    await putTree(createExtFiles(place), stage, signal);
    await fitFileSystem(rootfs, slot.size, signal);
    const { bootstrap } = await take(rootfs, work);
    const boards = await bootFiles(board, plain, join(work, "boot"), signal);
    return await createImage(boards, {
      ...{ rootfs, output, bootstrap, signal },
      ...(inputs.bmap !== undefined && { bmap: inputs.bmap }),
      ...(inputs.onWrite !== undefined && { onWrite: inputs.onWrite }),
      ...(inputs.onCompress !== undefined && { onCompress: inputs.onCompress }),
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
