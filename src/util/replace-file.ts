import type { Stats } from "node:fs";
import { lstat, readdir, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { FileActs } from "../ports/files.ts";
import { errnoOf } from "./errno.ts";

export type ReplacingActs = Pick<FileActs, "writeSynced" | "rename" | "remove" | "syncFolder" | "unique">;

/**
 * Replaces a file: after a power cut it is the old one or the new one, never torn. Resolves when the new one
 * is durable. The owner stays, and so does the mode unless `mode` is given. A link stays, too: what it leads to is
 * replaced.
 *
 * The temporary file has a random name, so that nothing can lie in its way. Those that former lives have left are
 * removed first, because their space may be needed.
 *
 * @throws what the system says, and an error when anything but a regular file is in the place of the file
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
    // ignored: `error` says what went wrong, and the next life removes what this one cannot.
    await acts.remove(temporary).catch(() => undefined);
    throw error;
  }
  await acts.syncFolder(dirname(target));
}

/**
 * Removes a file, or a folder with all that is in it, as `acts.remove` does, and first the temporary files that an
 * interrupted `replaceFile` has left of it: a caller that undoes its first replacement does not know their names.
 */
export async function removeReplaced(path: string, acts: ReplacingActs): Promise<void> {
  try {
    const { target } = await findReplaceable(path);
    await removeLeftovers(target, acts, RANDOM_LEFTOVER);
  } catch {
    // ignored: where nothing can be replaced, or there is no folder, no replacement was interrupted.
  }
  await acts.remove(path);
}

export interface Replaceable {
  /** What a chain of links leads to, there or not. */
  readonly target: string;
  /** `undefined` where nothing is to be replaced. */
  readonly found?: Stats | undefined;
}

/** @throws what the system says, such as ELOOP, and an error for anything but a regular file or a link to one */
export async function findReplaceable(path: string): Promise<Replaceable> {
  const found = await orMissing(lstat(path));
  if (found?.isSymbolicLink() === true) {
    const target = await orMissing(realpath(path));
    // A link may lead to what is yet to be made, such as a file on the data partition of a new device.
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
      // ignored: it takes space, and is in nobody's way.
    });
  }
}
