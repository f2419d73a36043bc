import { AgentError } from "../../../errors/agent-error.ts";

/** A file inside an image: `release.mender:/etc/hostname`. */
export interface ImageTarget {
  readonly image: string;
  readonly path: string;
}

/** Names of images: those of mender-artifact, and those of single file systems. */
const TARGET = /^(.*?\.(?:mender|sdimg|uefiimg|gptimg|wic|img|ext[234]|vfat|fat)):(.*)$/s;

/** @returns `undefined` if the argument names a file of this machine */
export function imageTarget(argument: string): ImageTarget | undefined {
  const [, image, path] = TARGET.exec(argument) ?? [];
  return image === undefined || path === undefined ? undefined : { image, path };
}

/** @throws {AgentError} IMAGE_ARGUMENT */
export function neededTarget(argument: string): ImageTarget {
  const target = imageTarget(argument);
  if (target === undefined) throw new AgentError("IMAGE_ARGUMENT", { argument });
  if (target.path === "") throw new AgentError("IMAGE_ARGUMENT", { argument, reason: "no path in the image" });
  return target;
}
