import type { ImageChange, ImageFiles } from "../../../../image/files/image-files.ts";
import { follow, insertion } from "../../../../image/files/trees.ts";
import type { CliIo } from "../../../agent/io.ts";
import { AgentError } from "../../../errors/agent-error.ts";
import { copyOut } from "./copy-out.ts";
import { type HostFile, intoFolder, withHostFile } from "./host-file.ts";
import { type ImageTarget, imageTarget, neededTarget } from "./image-target.ts";
import { type ChangeOptions, changeImage, readImage } from "./open-image.ts";

export interface CopyOptions extends ChangeOptions {
  readonly compression?: string;
}

/** Copies a file or folder into an image, or out of it. */
export async function cp(from: string, to: string, options: CopyOptions, io: CliIo): Promise<void> {
  if (options.compression !== undefined) {
    io.err("warning: cp keeps the compression of the Artifact: use modify to change it");
  }
  if (imageTarget(from) === undefined) {
    const target = neededTarget(to);
    return await withHostFile(from, io, async (file) => {
      await changeImage(target, options, io, (files, path) => insertionInto(files, path, target, file, io.signal));
    });
  }
  if (imageTarget(to) !== undefined) throw new AgentError("IMAGE_ARGUMENT", { argument: to, reason: "two images" });
  if ((await options.signer()) !== undefined) {
    throw new AgentError("OPTION_INVALID", { option: "--key", reason: "a copy out of an image changes no Artifact" });
  }
  const target = neededTarget(from);
  await readImage(target, options, io, async (files, path) => {
    const found = await follow(files, path, io.signal);
    if (found === undefined) throw new AgentError("IMAGE_FILE_MISSING", { image: target.image, path: target.path });
    await copyOut(files, found, to, io.signal);
  });
}

async function insertionInto(
  files: ImageFiles,
  path: string,
  target: ImageTarget,
  { from, name, mode }: HostFile,
  signal: AbortSignal,
): Promise<readonly ImageChange[]> {
  const to = await intoFolder(files, path, target, name, signal);
  return mode === undefined ? await insertion(from, to) : [{ act: "write", path: to, from, mode, uid: 0, gid: 0 }];
}
