import { placesOf } from "../../../../image/files/disk-places.ts";
import type { ImageChange, ImageFiles } from "../../../../image/files/image-files.ts";
import { openImageFiles } from "../../../../image/files/open-files.ts";
import { outputTo, workFiles } from "../../../agent/files.ts";
import type { CliIo } from "../../../agent/io.ts";
import { type ArtifactEdit, editArtifact } from "../../../artifact/edit/edit-artifact.ts";
import type { SigningKey } from "../../../artifact/signing.ts";
import { AgentError } from "../../../errors/agent-error.ts";
import { readingProgress } from "../verify-options.ts";
import { isArtifact, openArtifactImage } from "./artifact-image.ts";
import type { ImageTarget } from "./image-target.ts";

/** Options of the commands that change an image. */
export interface ChangeOptions {
  readonly progress: boolean;
  /** Loads the key that the user names for a changed Artifact. */
  signer(): Promise<SigningKey | undefined>;
  /** What else changes, if the image is in an Artifact. */
  readonly edit?: Pick<ArtifactEdit, "header" | "compression">;
  /** Where the changed Artifact goes; in place if absent. */
  readonly output?: string;
}

/** Makes the changes of one file system. */
type Plan = (files: ImageFiles, path: string) => Promise<readonly ImageChange[]>;

/** Reads in the file system that holds `target.path`: in the first one, if both slots do. */
export async function readImage<T>(
  target: ImageTarget,
  options: { readonly progress: boolean },
  io: CliIo,
  use: (files: ImageFiles, path: string) => Promise<T>,
): Promise<T> {
  if (!(await isArtifact(target.image))) {
    const [at] = await placesOf(target.image, target.path);
    if (at === undefined) throw new AgentError("IMAGE_PARTITION", { image: target.image });
    return await use(await openImageFiles(at.place), at.path);
  }
  const progress = await readingProgress(target.image, options, io);
  const image = await openArtifactImage(target, progress.advance, io.signal).finally(progress.done);
  try {
    return await namingImage(target, async () => use(await openImageFiles(image.at.place), image.at.path));
  } finally {
    await image.close();
  }
}

/**
 * Changes the file systems that hold `target.path`: both slots, if it belongs to the root file system. The image gets
 * all changes or stays as it was.
 */
export async function changeImage(target: ImageTarget, options: ChangeOptions, io: CliIo, plan: Plan): Promise<void> {
  const { signal } = io;
  if (await isArtifact(target.image)) return await changeArtifact(target, options, io, plan);
  if ((await options.signer()) !== undefined) {
    throw new AgentError("OPTION_INVALID", { option: "--key", reason: "only an Artifact has a signature" });
  }
  await placesOf(target.image, target.path);
  const { editCopy } = await workFiles();
  const edit = async (copy: string): Promise<void> => {
    for (const { place, path } of await placesOf(copy, target.path)) {
      await namingImage(target, async () => apply(await openImageFiles(place), path, plan, signal));
    }
  };
  await editCopy(target.image, edit, signal);
}

async function changeArtifact(target: ImageTarget, options: ChangeOptions, io: CliIo, plan: Plan): Promise<void> {
  const { signal } = io;
  const key = await options.signer();
  const progress = await readingProgress(target.image, options, io);
  const image = await openArtifactImage(target, progress.advance, signal).finally(progress.done);
  try {
    const { place, path } = image.at;
    await namingImage(target, async () => apply(await openImageFiles(place), path, plan, signal));
    const edit = { ...options.edit, image: await image.source(), ...(key === undefined ? {} : { key }) };
    await writeAnew(target.image, edit, options, io);
  } finally {
    await image.close();
  }
  if (image.info.signature.present && key === undefined) {
    io.err(`warning: the signature of ${target.image} does not fit any more and was removed: sign the result`);
  }
}

async function writeAnew(path: string, edit: ArtifactEdit, options: ChangeOptions, io: CliIo): Promise<void> {
  const { createProgress, NO_PROGRESS } = await import("../../progress.ts");
  const progress = options.progress ? createProgress(io, "writing", edit.image?.sizeBytes) : NO_PROGRESS;
  await editArtifact(path, outputTo(options.output ?? path), edit, progress.advance, io.signal).finally(progress.done);
}

async function apply(files: ImageFiles, path: string, plan: Plan, signal: AbortSignal): Promise<void> {
  await files.repair(signal);
  await files.change(await plan(files, path), signal);
  await files.check(signal);
}

/** Errors name the image that the user named, not the temporary file in its place. */
async function namingImage<T>({ image }: ImageTarget, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AgentError) || !("image" in error.detail)) throw error;
    throw new AgentError(error.code, { ...error.detail, image }, error.cause);
  }
}
