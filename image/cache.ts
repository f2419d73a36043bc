import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Outside the checkout, so that a fresh clone on the same machine finds what was downloaded and built before. */
export const CACHE_FOLDER: string = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "switchback-qemu");

/** Each change to the agent makes systems and disks of its own, and they are never asked for again. */
const KEPT_MS = 7 * 24 * 60 * 60 * 1000;
/** What is made here, whole or half; other folders have owners of their own. */
const ENTRY = /-[0-9a-f]{20}$|^\./;

const hashes = new Map<string, Promise<string>>();

/**
 * The folder that `make` fills, made once for the same `inputs` and the same builder: what is in the cache never
 * changes what comes out. A build that is cut off leaves nothing under the final name. What nobody has asked for in a
 * week is removed when something new is built.
 *
 * @param inputs texts and hashes of all that does not lie in this folder; the order counts
 * @param builders files and folders whose content counts, too
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
      // Somebody else has made the same meanwhile.
      if (!(await exists(path))) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  await removeUnused(Date.now() - KEPT_MS);
  return path;
}

/** Marks it as used now. @returns whether it is there */
async function isUsed(path: string): Promise<boolean> {
  const now = new Date();
  return await utimes(path, now, now).then(
    () => true,
    () => false, // ignored: it is not there, and whatever else is wrong the build meets as well.
  );
}

async function removeUnused(before: number): Promise<void> {
  for (const name of (await readdir(CACHE_FOLDER)).filter((name) => ENTRY.test(name))) {
    const path = join(CACHE_FOLDER, name);
    const found = await stat(path).catch(() => undefined); // ignored: somebody else has removed it.
    if (found === undefined || found.mtimeMs > before) continue;
    // What is removed is not there any more from its first file on.
    const removed = join(CACHE_FOLDER, `.removed-${name}`);
    await rename(path, removed).catch(() => undefined); // ignored: somebody else has removed it.
    await rm(removed, { recursive: true, force: true });
  }
}

async function hashOfSources(builders: readonly string[]): Promise<string> {
  const paths = await Promise.all(
    builders.map(async (path) =>
      (await stat(path)).isDirectory() ? (await readdir(path)).toSorted().map((name) => join(path, name)) : [path],
    ),
  );
  return hashOf(await Promise.all(paths.flat().flatMap((path) => [path, readFile(path)])));
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
    () => false, // ignored: what cannot be looked at is made anew, and that says why it cannot be.
  );
}
