import type { Stats } from "node:fs";
import { lstat, readdir, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { FileActs } from "../ports/files.ts";
import { errnoOf } from "./errno.ts";

export type ReplacingActs = Pick<FileActs, "writeSynced" | "rename" | "remove" | "syncFolder" | "unique">;

/**
 * Replaces a file: after a power cut it is the old file or the new one, never torn. Resolves when the new file is
 * durable. Keeps the owner, and the mode unless `mode` is given. Keeps a link and replaces its target.
 *
 * The temporary file has a random name, so that nothing can be in its way. First removes temporary files of interrupted
 * calls, because their space may be needed.
 *
 * @throws the system's error, and an error if something other than a regular file is in place of the file
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  acts: ReplacingActs,
  mode?: number,
): Promise<void> {
  const { target, found } = await findReplaceable(path);
  await removeLeftovers(target, acts);
  const temporary = temporaryFor(target, acts);
  try {
    await acts.writeSynced(temporary, content, mode ?? (found === undefined ? 0o644 : found.mode & 0o7777), found);
    await acts.rename(temporary, target);
  } catch (error) {
    // ignored: `error` says what went wrong, and a later call removes the leftover.
    await acts.remove(temporary).catch(() => undefined);
    throw error;
  }
  await acts.syncFolder(dirname(target));
}

/**
 * Removes a file or folder like `acts.remove`, and before it the temporary files of an interrupted `replaceFile`: a
 * caller that undoes its first replacement does not know their names.
 */
export async function removeReplaced(path: string, acts: ReplacingActs): Promise<void> {
  try {
    const { target } = await findReplaceable(path);
    await removeLeftovers(target, acts, RANDOM_LEFTOVER);
  } catch {
    // ignored: if the path cannot be replaced or its folder is missing, no replacement was interrupted.
  }
  await acts.remove(path);
}

export interface Replaceable {
  /** The end of a chain of links, whether it exists or not. */
  readonly target: string;
  /** `undefined` if there is nothing to replace. */
  readonly found?: Stats | undefined;
}

/** @throws the system's error, such as ELOOP, and an error if `path` is not a regular file or a link to one */
export async function findReplaceable(path: string): Promise<Replaceable> {
  const found = await orMissing(lstat(path));
  if (found?.isSymbolicLink() === true) {
    const target = await orMissing(realpath(path));
    // A link's target may not exist yet, such as a file on the data partition of a new device.
    return await findReplaceable(target ?? resolve(await realpath(dirname(path)), await readlink(path)));
  }
  if (found?.isFile() === false) throw new Error(`${path} is not a regular file`);
  return { target: path, found };
}

async function orMissing<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

const randomName = (): string => Math.random().toString(16).slice(2, 14).padEnd(12, "0");

/** A new name beside `target`: a rename does not cross file systems. */
export const temporaryFor = (target: string, { unique = randomName }: Pick<FileActs, "unique"> = {}): string =>
  `${target}.${unique()}.new`;

const RANDOM_LEFTOVER = /^\.[0-9a-f]{12}\.new$/;

/** Earlier versions of this agent always used the name `<target>.new`. */
const LEFTOVER = /^(?:\.[0-9a-f]{12})?\.new$/;

async function removeLeftovers(target: string, acts: ReplacingActs, pattern = LEFTOVER): Promise<void> {
  const name = basename(target);
  const beside = await readdir(dirname(target), { withFileTypes: true });
  for (const entry of beside) {
    if (!entry.name.startsWith(name) || entry.isDirectory() || !pattern.test(entry.name.slice(name.length))) continue;
    await acts.remove(join(dirname(target), entry.name)).catch(() => {
      // ignored: a leftover takes space, but does no other harm.
    });
  }
}
