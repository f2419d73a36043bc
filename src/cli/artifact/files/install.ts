import { posix } from "node:path";
import type { ImageChange, ImageFiles } from "../../../../image/files/image-files.ts";
import { follow } from "../../../../image/files/trees.ts";
import type { CliIo } from "../../../agent/io.ts";
import { AgentError } from "../../../errors/agent-error.ts";
import { intoFolder, withHostFile } from "./host-file.ts";
import { neededTarget } from "./image-target.ts";
import { type ChangeOptions, changeImage } from "./open-image.ts";

export interface InstallOptions extends ChangeOptions {
  readonly directory?: true;
  readonly mode?: string;
}

const ROOT = { uid: 0, gid: 0 };
const FOLDER_MODE = 0o755;
/** Octal with or without the prefixes of Go. */
const MODE = /^(?:0o?)?([0-7]{1,4})$/i;

/** Puts a file with a mode into an image, or makes a folder with the folders above it. */
export async function install(given: readonly string[], options: InstallOptions, io: CliIo): Promise<void> {
  const needed = options.directory === true ? 1 : 2;
  if (given.length !== needed) throw new AgentError("IMAGE_ARGUMENT", { arguments: given.length, needed });
  const mode = modeOf(options.mode);
  const target = neededTarget(given.at(-1) ?? "");
  if (options.directory === true) {
    const plan = (files: ImageFiles, path: string) => folders(files, path, mode ?? FOLDER_MODE, io.signal);
    return await changeImage(target, options, io, plan);
  }
  if (mode === undefined) throw new AgentError("OPTION_MISSING", { option: "--mode" });
  await withHostFile(given[0] ?? "", io, async ({ from, name }) => {
    await changeImage(target, options, io, async (files, path) => [
      { act: "write", path: await intoFolder(files, path, target, name, io.signal), from, mode, ...ROOT },
    ]);
  });
}

function modeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const digits = MODE.exec(text)?.[1];
  if (digits === undefined)
    throw new AgentError("OPTION_INVALID", { option: "--mode", value: text, reason: "not octal" });
  return Number.parseInt(digits, 8);
}

/** Folders that exist keep their mode. */
async function folders(
  files: ImageFiles,
  path: string,
  mode: number,
  signal: AbortSignal,
): Promise<readonly ImageChange[]> {
  if (path === "/") return [];
  const found = await follow(files, path, signal);
  if (found?.entry.kind === "folder") return [];
  const above = await folders(files, posix.dirname(path), FOLDER_MODE, signal);
  return [...above, { act: "folder", path, mode, ...ROOT }];
}
