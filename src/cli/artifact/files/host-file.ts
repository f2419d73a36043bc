import { realpath } from "node:fs/promises";
import { basename, posix, resolve } from "node:path";
import type { ImageFiles } from "../../../../image/files/image-files.ts";
import { follow } from "../../../../image/files/trees.ts";
import { workFiles } from "../../../agent/files.ts";
import type { CliIo } from "../../../agent/io.ts";
import { AgentError } from "../../../errors/agent-error.ts";
import { endWith, isPipe, openPipe } from "../../../util/pipe.ts";
import type { ImageTarget } from "./image-target.ts";

/** A file or folder of this machine that goes into an image. */
export interface HostFile {
  /** A regular file, a folder or a link. */
  readonly from: string;
  /** Its name if the path in the image leads to a folder; `undefined` for standard input. */
  readonly name?: string;
  /** For a pipe, which has no useful mode. */
  readonly mode?: number;
}

const STDIN = "-";
/** That of mender-artifact. */
const PIPE_MODE = 0o600;

/** Standard input and pipes get a temporary file, because debugfs and mtools need one. @throws {AgentError} PAYLOAD_UNREADABLE */
export async function withHostFile(path: string, io: CliIo, use: (file: HostFile) => Promise<void>): Promise<void> {
  if (path !== STDIN && !isPipe(path)) {
    // Like cp, a link as the argument stands for what it leads to.
    const from = await realpath(path).catch((cause: unknown) => {
      throw new AgentError("PAYLOAD_UNREADABLE", { path }, cause);
    });
    return await use({ from, name: basename(resolve(path)) });
  }
  const { openWorkFile } = await workFiles();
  const work = await openWorkFile();
  try {
    for await (const chunk of path === STDIN ? endWith(process.stdin, io.signal) : openPipe(path, io.signal))
      await work.write(chunk);
    await work.end();
    await use({ from: work.path, mode: PIPE_MODE });
  } finally {
    await work.close();
  }
}

/** The path of the new file: in the folder, if `path` leads to one or has a slash at its end. */
export async function intoFolder(
  files: ImageFiles,
  path: string,
  target: ImageTarget,
  name: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const folder = await follow(files, path, signal);
  const isFolder = folder?.entry.kind === "folder" || target.path.endsWith("/");
  if (!isFolder) return path;
  if (name !== undefined) return posix.join(folder?.path ?? path, name);
  throw new AgentError("IMAGE_FILE_KIND", {
    image: target.image,
    path: target.path,
    found: "folder",
    expected: "file",
  });
}
