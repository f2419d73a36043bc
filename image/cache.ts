import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Outside the checkout, so that a fresh clone on the same machine reuses earlier downloads and builds. */
export const CACHE_FOLDER: string = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "switchback-qemu");

/** Each change to the agent creates new systems and disks, and nothing uses the old ones again. */
const KEPT_MS = 7 * 24 * 60 * 60 * 1000;
/** Names of the complete and incomplete entries of this cache; other folders belong to other code. */
const ENTRY = /-[0-9a-f]{20}$|^\./;

const hashes = new Map<string, Promise<string>>();

/**
 * Returns the folder that `make` fills. It runs `make` once for the same `inputs` and the same builder, so the cache
 * never changes the result. An interrupted build leaves nothing under the final name. A new build removes entries that
 * were unused for a week.
 *
 * @param inputs texts and hashes of all inputs outside `builders`; the order counts
 * @param builders files, and folders whose own files count, too; name a folder inside of a folder by itself
 */
export async function cached(
  name: string,
  inputs: readonly string[],
  builders: readonly string[],
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const key = builders.join();
  const sources = hashes.get(key) ?? hashOfSources(builders);
  hashes.set(key, sources);
  const path = join(CACHE_FOLDER, `${name}-${hashOf([await sources, ...inputs]).slice(0, 20)}`);
  if (await isUsed(path)) return path;
  await mkdir(CACHE_FOLDER, { recursive: true });
  const temporary = await mkdtemp(join(CACHE_FOLDER, `.${name}-`));
  try {
    await make(temporary);
    await rename(temporary, path).catch(async (error: unknown) => {
      // Another process has built the same entry meanwhile.
      if (!(await exists(path))) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  await removeUnused(Date.now() - KEPT_MS);
  return path;
}

/** Marks an entry as used now. @returns whether it exists */
async function isUsed(path: string): Promise<boolean> {
  const now = new Date();
  return await utimes(path, now, now).then(
    () => true,
    () => false, // ignored: the entry does not exist; the build reports any other problem.
  );
}

async function removeUnused(before: number): Promise<void> {
  for (const name of (await readdir(CACHE_FOLDER)).filter((name) => ENTRY.test(name))) {
    const path = join(CACHE_FOLDER, name);
    const found = await stat(path).catch(() => undefined); // ignored: another process has removed it.
    if (found === undefined || found.mtimeMs > before) continue;
    // Rename first: a partly removed entry must not appear under its final name.
    const removed = join(CACHE_FOLDER, `.removed-${name}`);
    await rename(path, removed).catch(() => undefined); // ignored: another process has removed it.
    await rm(removed, { recursive: true, force: true });
  }
}

async function hashOfSources(builders: readonly string[]): Promise<string> {
  const paths = await Promise.all(
    builders.map(async (path) => ((await stat(path)).isDirectory() ? await filesIn(path) : [path])),
  );
  return hashOf(await Promise.all(paths.flat().flatMap((path) => [path, readFile(path)])));
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => join(folder, name))
    .toSorted();
}

export function hashOf(inputs: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const input of inputs) hash.update(`${input.length}:`).update(input);
  return hash.digest("hex");
}

export async function hashOfFile(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false, // ignored: an unreadable file is built again, and the build reports the problem.
  );
}
