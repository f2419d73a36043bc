import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Outside the checkout, so that a fresh clone on the same machine finds what was downloaded and built before. */
export const CACHE_FOLDER: string = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "switchback-qemu");

/** Folders of what builds, and of the files that go into what is built. */
const EVERYTHING = ["qemu/image", "qemu/boards", "qemu/guest"];

const hashes = new Map<string, Promise<string>>();

/**
 * The folder that `make` fills, made once for the same `inputs` and the same builder: what is in the cache never
 * changes what comes out. A build that is cut off leaves nothing under the final name.
 *
 * @param inputs texts and hashes of all that does not lie in this folder; the order counts
 * @param builders files and folders whose content counts, too: by default everything that builds boards
 */
export async function cached(
  name: string,
  inputs: readonly string[],
  make: (folder: string) => Promise<void>,
  builders: readonly string[] = EVERYTHING,
): Promise<string> {
  const key = builders.join();
  const sources = hashes.get(key) ?? hashOfSources(builders);
  hashes.set(key, sources);
  const path = join(CACHE_FOLDER, `${name}-${hashOf([await sources, ...inputs]).slice(0, 20)}`);
  if (await exists(path)) return path;
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
  return path;
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
