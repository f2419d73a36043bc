import { cp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** Scripts and units that a device may get in addition to the program, by their folder. */
const SHIPPED = ["update-modules", "state-scripts", "identity", "systemd"] as const;

/**
 * Copies the update modules, the state scripts, the identity script and the units next to the bundle, unchanged, with their modes.
 *
 * @returns paths of the programs among them, relative to `outdir`
 */
export async function shipScripts(outdir: string): Promise<readonly string[]> {
  const programs: string[] = [];
  for (const folder of SHIPPED) {
    await rm(join(outdir, folder), { recursive: true, force: true });
    // Without this option, links between neighbours would lead into the folder of the sources.
    await cp(folder, join(outdir, folder), { recursive: true, verbatimSymlinks: true });
    for (const entry of await readdir(join(outdir, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isDirectory() && ((await stat(path)).mode & 0o111) !== 0) programs.push(path.slice(outdir.length + 1));
    }
  }
  return programs.sort();
}
