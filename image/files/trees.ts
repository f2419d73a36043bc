import { lstat, readdir, readlink } from "node:fs/promises";
import { join, posix, resolve } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { ImageChange, ImageEntry, ImageFiles } from "./image-files.ts";
import { imagePath } from "./image-path.ts";

/** As many as the kernel follows in one path. */
const MAX_LINKS = 40;
const TYPE_BITS = 0o7777;

/**
 * What is at the end of the links at `path`.
 *
 * @returns the path without a link in its last place; `undefined` if nothing is there
 */
export async function follow(
  files: ImageFiles,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly path: string; readonly entry: ImageEntry } | undefined> {
  let at = imagePath(path);
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    const entry = await files.look(at, signal);
    if (entry?.kind !== "link") return entry === undefined ? undefined : { path: at, entry };
    at = posix.resolve(posix.dirname(at), await files.readLink(at, signal));
  }
  throw new AgentError("IMAGE_FILE_KIND", { path, reason: "a loop of links" });
}

/** The bytes of a small file, after links; `undefined` if it is missing or not a file. */
export async function readImageFile(
  files: ImageFiles,
  path: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const found = await follow(files, path, signal);
  if (found?.entry.kind !== "file") return undefined;
  if (found.entry.size > maxBytes) throw new AgentError("IMAGE_FILE_KIND", { path, reason: `over ${maxBytes} bytes` });
  const chunks: Uint8Array[] = [];
  for await (const chunk of files.read(found.path, signal)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The changes that remove what is at `path`, folders with all that is in them. */
export async function removal(files: ImageFiles, path: string, signal: AbortSignal): Promise<ImageChange[]> {
  const isFolder = (await files.look(path, signal))?.kind === "folder";
  return [...(isFolder ? await emptying(files, path, signal) : []), { act: "remove", path }];
}

async function emptying(files: ImageFiles, folder: string, signal: AbortSignal): Promise<ImageChange[]> {
  const changes: ImageChange[] = [];
  for (const { name, kind } of await files.list(folder, signal)) {
    const path = posix.join(folder, name);
    if (kind === "folder") changes.push(...(await emptying(files, path, signal)));
    changes.push({ act: "remove", path });
  }
  return changes;
}

/**
 * The changes that put a file, link or folder of this machine at `path`, with its modes and root as the owner. Existing
 * folders keep what is in them.
 *
 * @throws {AgentError} IMAGE_FILE_KIND for a device, a socket or a pipe; PAYLOAD_UNREADABLE
 */
export async function insertion(from: string, path: string): Promise<ImageChange[]> {
  const source = resolve(from);
  const found = await lstat(source).catch((cause: unknown) => {
    throw new AgentError("PAYLOAD_UNREADABLE", { path: from }, cause);
  });
  const attributes = { mode: found.mode & TYPE_BITS, uid: 0, gid: 0 };
  if (found.isFile()) return [{ act: "write", path, from: source, ...attributes }];
  if (found.isSymbolicLink()) return [{ act: "link", path, target: await readlink(source) }];
  if (!found.isDirectory()) throw new AgentError("IMAGE_FILE_KIND", { path: from, reason: "a special file" });
  const inside: ImageChange[] = [];
  for (const name of (await readdir(source)).toSorted()) {
    inside.push(...(await insertion(join(source, name), posix.join(path, name))));
  }
  return [{ act: "folder", path, ...attributes }, ...inside];
}
