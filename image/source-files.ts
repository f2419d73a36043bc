import { createReadStream } from "node:fs";
import { chmod, copyFile, cp, mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { AgentError } from "../src/errors/agent-error.ts";
import type { BoardFileCopy } from "./board/schema.ts";
import { ownEntry, type TreeEntry } from "./tree/entry.ts";
import { readTree } from "./tree/read-tree.ts";

/** Files of a board file for one filesystem. */
export interface SourceFiles {
  readonly files: readonly BoardFileCopy[];
  /** Folder that the paths are relative to. */
  readonly folder: string;
  /** Replaces placeholders in texts. */
  readonly fill: (text: string) => string;
  /** Time of every file, in seconds since 1970. */
  readonly time: number;
}

export const pathFrom = (folder: string, path: string): string => (isAbsolute(path) ? path : join(folder, path));

/** The files as entries of a filesystem that knows owners. They belong to root. */
export async function* sourceEntries({ files, folder, fill, time }: SourceFiles): AsyncGenerator<TreeEntry> {
  for (const { from, text = "", to, mode } of files) {
    if (from === undefined) {
      yield ownEntry(to, "file", time, { bytes: Buffer.from(fill(text)), ...(mode !== undefined && { mode }) });
      continue;
    }
    const path = pathFrom(folder, from);
    const found = await statSource(path);
    if (found.isDirectory()) {
      for await (const entry of readTree(path, "folder", { owner: "root", latest: time })) {
        yield { ...entry, path: inFolder(to, entry.path), mtime: time };
      }
      continue;
    }
    const entry = ownEntry(to, "file", time, { mode: mode ?? ((found.mode & 0o100) === 0 ? 0o644 : 0o755) });
    yield { ...entry, sizeBytes: found.size, content: () => createReadStream(path) };
  }
}

/** Copies the files into a folder, for a filesystem without owners. */
export async function copySources(tree: string, { files, folder, fill }: SourceFiles): Promise<void> {
  for (const { from, text = "", to, mode } of files) {
    const target = join(tree, to);
    await mkdir(dirname(target), { recursive: true });
    if (from === undefined) {
      await writeFile(target, fill(text));
    } else {
      const path = pathFrom(folder, from);
      const isFolder = (await statSource(path)).isDirectory();
      if (isFolder) await cp(path, target, { recursive: true, dereference: true });
      else await copyFile(path, target);
    }
    if (mode !== undefined) await chmod(target, mode);
  }
}

async function statSource(path: string) {
  const found = await stat(path).catch((cause: unknown) => {
    throw new AgentError("IMAGE_INPUT", { path }, cause);
  });
  if (!found.isFile() && !found.isDirectory())
    throw new AgentError("IMAGE_INPUT", { path, reason: "not a file or folder" });
  return found;
}

const inFolder = (folder: string, path: string): string =>
  [folder.replace(/^\/+|\/+$/g, ""), path].filter((part) => part !== "").join("/");
