import { join } from "node:path";
import { AgentError } from "../../errors/agent-error.ts";
import type { FileReads } from "../../ports/files.ts";
import { errnoOf } from "../../util/errno.ts";
import { readSmallFile } from "../../util/small-file.ts";
import type { EntryWithHead } from "./check.ts";
import { type FolderEntry, VERSION_FILE } from "./order.ts";

const HEAD_BYTES = 256;

/** Synchronous: most devices have no such folder, and a thread would cost a daemon more than the check. */
export function isThere(folder: string, reads: FileReads): boolean {
  try {
    return reads.lookNow(folder) !== undefined;
  } catch (cause) {
    throw new AgentError("SCRIPT_FOLDER", { folder }, cause);
  }
}

/**
 * The content of a folder of state scripts; empty if the folder does not exist.
 *
 * @throws {AgentError} SCRIPT_FOLDER
 */
export async function readScriptFolder(folder: string, reads: FileReads): Promise<readonly FolderEntry[]> {
  const names = await reading(folder, () => reads.list(folder), []);
  return await Promise.all(names.map((name) => describeEntry(folder, name, reads)));
}

/**
 * As `readScriptFolder`, with what the beginning of each script reveals.
 *
 * @param root folder that is `/` on the device
 * @throws {AgentError} SCRIPT_FOLDER, SCRIPT_UNREADABLE
 */
export async function readScriptEntries(
  folder: string,
  reads: FileReads,
  root = "/",
): Promise<readonly EntryWithHead[]> {
  const [entries, { missingInterpreter }] = await Promise.all([
    readScriptFolder(folder, reads),
    import("./interpreter.ts"),
  ]);
  return Promise.all(
    entries.map(async (entry) => {
      const head = await readHead(folder, entry, reads);
      const missing = await missingInterpreter(head, reads, root);
      return { ...entry, head, ...(missing !== undefined && { missing }) };
    }),
  );
}

async function readHead(folder: string, { name, isFile }: FolderEntry, reads: FileReads): Promise<string> {
  if (!isFile) return "";
  try {
    return Buffer.from(await reads.readHead(join(folder, name), HEAD_BYTES)).toString("latin1");
  } catch (cause) {
    throw new AgentError("SCRIPT_UNREADABLE", { path: join(folder, name) }, cause);
  }
}

/** @throws {AgentError} SCRIPT_FOLDER */
export async function readVersionFile(folder: string): Promise<string | undefined> {
  return await reading(folder, async () => readSmallFile(join(folder, VERSION_FILE)), undefined);
}

async function describeEntry(folder: string, name: string, reads: FileReads): Promise<FolderEntry> {
  // A dangling link counts as a file that is not executable.
  const found = await reading(folder, () => reads.look(join(folder, name)), undefined);
  return { name, isFile: found?.isFile ?? true, isExecutable: found?.isExecutable === true };
}

async function reading<T>(folder: string, read: () => Promise<T>, absent: T): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return absent;
    throw new AgentError("SCRIPT_FOLDER", { folder }, cause);
  }
}
