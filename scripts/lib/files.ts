import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Folders with our code. Each gate must check every TypeScript file in them. */
export const CODE_FOLDERS = ["src", "adapters", "image", "qemu", "server", "fleet", "web", "scripts", "test"] as const;

/** Sorted paths of the files below `folder` whose names end with `suffix`; empty if the folder does not exist. */
export async function filesBelow(folder: string, suffix: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

export async function codeFiles(): Promise<string[]> {
  const found = CODE_FOLDERS.flatMap((folder) => [filesBelow(folder, ".ts"), filesBelow(folder, ".tsx")]);
  return (await Promise.all(found)).flat();
}
