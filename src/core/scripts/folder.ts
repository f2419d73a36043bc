import { statSync } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../errors/agent-error.ts";
import { readSmallFile } from "../../util/small-file.ts";
import type { EntryWithHead } from "./check.ts";
import { type FolderEntry, VERSION_FILE } from "./order.ts";

const ANYBODY_MAY_EXECUTE = 0o111;
const HEAD_BYTES = 256;

/** Asked on the spot: most devices have none, and a thread that finds that out costs a daemon more than the look. */
export function isThere(folder: string): boolean {
  try {
    return statSync(folder, { throwIfNoEntry: false }) !== undefined;
  } catch (cause) {
    throw new AgentError("SCRIPT_FOLDER", { folder }, cause);
  }
}

/**
 * What a folder of state scripts holds; one that is not there holds nothing.
 *
 * @throws {AgentError} SCRIPT_FOLDER
 */
export async function readScriptFolder(folder: string): Promise<readonly FolderEntry[]> {
  const names = await reading(folder, () => readdir(folder), []);
  return await Promise.all(names.map((name) => describeEntry(folder, name)));
}

/**
 * The same, with what can be told from the beginning of each script.
 *
 * @param root folder that is `/` on the device
 * @throws {AgentError} SCRIPT_FOLDER, SCRIPT_UNREADABLE
 */
export async function readScriptEntries(folder: string, root = "/"): Promise<readonly EntryWithHead[]> {
  const [entries, { missingInterpreter }] = await Promise.all([readScriptFolder(folder), import("./interpreter.ts")]);
  return Promise.all(
    entries.map(async (entry) => {
      const head = await readHead(folder, entry);
      const missing = await missingInterpreter(head, root);
      return { ...entry, head, ...(missing !== undefined && { missing }) };
    }),
  );
}

async function readHead(folder: string, { name, isFile }: FolderEntry): Promise<string> {
  if (!isFile) return "";
  try {
    const file = await open(join(folder, name));
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return buffer.toString("latin1", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new AgentError("SCRIPT_UNREADABLE", { path: join(folder, name) }, cause);
  }
}

/** @throws {AgentError} SCRIPT_FOLDER */
export async function readVersionFile(folder: string): Promise<string | undefined> {
  return await reading(folder, async () => readSmallFile(join(folder, VERSION_FILE)), undefined);
}

async function describeEntry(folder: string, name: string): Promise<FolderEntry> {
  // A link that leads nowhere is there by its name, and nothing that could run.
  const found = await reading(folder, () => stat(join(folder, name)), undefined);
  const isExecutable = found !== undefined && (found.mode & ANYBODY_MAY_EXECUTE) !== 0;
  return { name, isFile: found?.isFile() ?? true, isExecutable };
}

async function reading<T>(folder: string, read: () => Promise<T>, absent: T): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return absent;
    throw new AgentError("SCRIPT_FOLDER", { folder }, cause);
  }
}
