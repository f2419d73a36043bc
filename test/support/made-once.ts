import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rename } from "node:fs/promises";
import { join } from "node:path";
import { inject } from "vitest";

/**
 * Makes a folder once for all files of a test run. They share it, so no test may change it.
 *
 * @param make fills the folder that it gets
 * @returns path of the folder
 */
export async function madeOnce(name: string, make: (folder: string) => Promise<unknown>): Promise<string> {
  const shared = inject("shared");
  const folder = join(shared, name);
  if (!existsSync(folder)) {
    await mkdir(shared, { recursive: true });
    const made = await mkdtemp(join(shared, "making-"));
    await make(made);
    await chmod(made, 0o755);
    // If another file made it at the same time and came first, its content is the same.
    await rename(made, folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  }
  return folder;
}
