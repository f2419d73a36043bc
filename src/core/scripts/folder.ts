import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../errors/agent-error.ts";
import { type FolderEntry, VERSION_FILE } from "./order.ts";

const ANYBODY_MAY_EXECUTE = 0o111;

/**
 * What a folder of state scripts holds; one that is not there holds nothing.
 *
 * @throws {AgentError} SCRIPT_FOLDER
 */
export async function readScriptFolder(folder: string): Promise<readonly FolderEntry[]> {
  const names = await reading(folder, readdir(folder), []);
  return await Promise.all(names.map((name) => describeEntry(folder, name)));
}

/** @throws {AgentError} SCRIPT_FOLDER */
export async function readVersionFile(folder: string): Promise<string | undefined> {
  return await reading(folder, readFile(join(folder, VERSION_FILE), "utf8"), undefined);
}

async function describeEntry(folder: string, name: string): Promise<FolderEntry> {
  // A link that leads nowhere is there by its name, and nothing that could run.
  const found = await reading(folder, stat(join(folder, name)), undefined);
  const isExecutable = found !== undefined && (found.mode & ANYBODY_MAY_EXECUTE) !== 0;
  return { name, isFile: found?.isFile() ?? true, isExecutable };
}

async function reading<T>(folder: string, result: Promise<T>, absent: T): Promise<T> {
  try {
    return await result;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return absent;
    throw new AgentError("SCRIPT_FOLDER", { folder }, cause);
  }
}
