import { removal } from "../../../../image/files/trees.ts";
import type { CliIo } from "../../../agent/io.ts";
import { AgentError } from "../../../errors/agent-error.ts";
import { neededTarget } from "./image-target.ts";
import { type ChangeOptions, changeImage } from "./open-image.ts";

export interface RemoveOptions extends ChangeOptions {
  readonly recursive?: true;
}

/** Removes a file, a link, or with `recursive` a folder. */
export async function rm(argument: string, options: RemoveOptions, io: CliIo): Promise<void> {
  const target = neededTarget(argument);
  const isFolderName = target.path.endsWith("/");
  await changeImage(target, options, io, async (files, path) => {
    const found = await files.look(path, io.signal);
    const detail = { image: target.image, path: target.path };
    if (found === undefined) throw new AgentError("IMAGE_FILE_MISSING", detail);
    if (found.kind !== "folder" || options.recursive === true) return await removal(files, path, io.signal);
    // As in mender-artifact, a slash at the end stands for rmdir.
    if (!isFolderName) throw new AgentError("IMAGE_FILE_KIND", { ...detail, found: "folder", expected: "file" });
    if ((await files.list(path, io.signal)).length === 0) return [{ act: "remove", path }];
    throw new AgentError("IMAGE_FILE_KIND", { ...detail, found: "folder with files", expected: "empty folder" });
  });
}
