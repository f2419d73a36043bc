import { stat } from "node:fs/promises";
import { join, posix } from "node:path";
import type { ImageEntry, ImageFiles } from "../../../../image/files/image-files.ts";
import { outputTo, workFiles } from "../../../agent/files.ts";
import { AgentError } from "../../../errors/agent-error.ts";

/** setuid and setgid stay in the image: here they would hand the rights of the caller to a foreign program. */
const PERMISSIONS = 0o777;

interface Found {
  readonly path: string;
  readonly entry: ImageEntry;
}

interface Link {
  readonly path: string;
  readonly target: string;
}

/** Copies a file or folder of an image to `to`, or into the folder `to`. */
export async function copyOut(files: ImageFiles, found: Found, to: string, signal: AbortSignal): Promise<void> {
  // ignored: a missing destination is the name of the copy, and the write reports any other failure.
  const isFolder = (await stat(to).catch(() => undefined))?.isDirectory() === true;
  const name = posix.basename(found.path);
  const links: Link[] = [];
  await copy(files, found, isFolder ? join(to, name) : to, links, signal);
  // Last, so that nothing is written through a link.
  const { makeLink } = await workFiles();
  for (const { path, target } of links) await makeLink(path, target);
}

async function copy(
  files: ImageFiles,
  { path, entry }: Found,
  to: string,
  links: Link[],
  signal: AbortSignal,
): Promise<void> {
  const mode = entry.mode & PERMISSIONS;
  if (entry.kind === "other") throw new AgentError("IMAGE_FILE_KIND", { path, reason: "a special file" });
  if (entry.kind === "link") links.push({ path: to, target: await files.readLink(path, signal) });
  else if (entry.kind === "file") {
    await outputTo(
      to,
      mode,
    )(async (output) => {
      for await (const chunk of files.read(path, signal)) await output.write(chunk);
    });
  } else {
    const { makeOutputFolder } = await workFiles();
    await makeOutputFolder(to, mode);
    for (const inner of await files.list(path, signal)) {
      await copy(files, { path: posix.join(path, inner.name), entry: inner }, join(to, inner.name), links, signal);
    }
  }
}
