import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { Files } from "./medium.ts";

/** Folders that are not storage, but state of the running kernel: only the next start changes it. */
const MEMORY = ["proc", "run", "tmp", "dev/shm"];

/** @param name path below the root */
export const isStorage = (name: string): boolean => !MEMORY.some((folder) => name.startsWith(`${folder}/`));

/** Reads every file below `root`. */
export async function readFiles(root: string): Promise<Files> {
  const files = new Map<string, Uint8Array>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(root, path);
    if (entry.isFile() && isStorage(name)) files.set(name, await readFile(path));
  }
  return files;
}

/** Makes the files below `root` equal to `files`. */
export async function writeFiles(root: string, files: Files): Promise<void> {
  const found = await readFiles(root);
  for (const name of found.keys()) if (!files.has(name)) await rm(join(root, name));
  for (const [name, bytes] of files) {
    const there = found.get(name);
    if (there !== undefined && Buffer.compare(there, bytes) === 0) continue;
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), bytes);
  }
}

/** The first file that differs between two states, or `undefined`. */
export function differingFile(a: Files, b: Files): string | undefined {
  return [...new Set([...a.keys(), ...b.keys()])].find(
    (name) => Buffer.compare(a.get(name) ?? ABSENT, b.get(name) ?? ABSENT) !== 0 || a.has(name) !== b.has(name),
  );
}

const ABSENT = new Uint8Array();
