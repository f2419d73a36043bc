import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Folders that hold our code; each gate has to look at every TypeScript file in them. */
export const CODE_FOLDERS = ["src", "adapters", "image", "qemu", "scripts", "test"] as const;

/** Paths below `folder`, sorted, of files whose name ends with `suffix`; none when there is no such folder. */
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
  return (await Promise.all(CODE_FOLDERS.map((folder) => filesBelow(folder, ".ts")))).flat();
}
