import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { AgentError } from "../errors/agent-error.ts";
import { isArtifactScriptName } from "./script-name.ts";
import { checkMemberName } from "./tar/member-name.ts";

/** A state script for an Artifact. */
export interface ScriptFile {
  readonly path: string;
  readonly name: string;
  readonly sizeBytes: number;
}

const READ_BYTES = 256 * 1024;

/**
 * Finds state scripts among files and in folders, sorted by name.
 *
 * @throws {AgentError} SCRIPT_UNREADABLE, SCRIPT_NAME, SCRIPT_DUPLICATE, ARTIFACT_MEMBER_NAME
 */
export async function findScripts(paths: readonly string[]): Promise<ScriptFile[]> {
  const scripts = new Map<string, ScriptFile>();
  for (const path of await expandFolders(paths)) {
    const name = basename(path);
    if (!isArtifactScriptName(name)) throw new AgentError("SCRIPT_NAME", { path });
    checkMemberName(name);
    if (scripts.has(name)) throw new AgentError("SCRIPT_DUPLICATE", { path });
    const found = await reading(path, stat(path));
    if (!found.isFile()) throw new AgentError("SCRIPT_UNREADABLE", { path, reason: "not a regular file" });
    scripts.set(name, { path, name, sizeBytes: found.size });
  }
  return [...scripts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The script's bytes; throws if its size has changed. Each chunk is valid until the next one is requested.
 *
 * @throws {AgentError} SCRIPT_UNREADABLE; the signal's reason
 */
export async function* readScript({ path, sizeBytes }: ScriptFile, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const file: FileHandle = await reading(path, open(path, "r"));
  try {
    // One extra byte, to detect the end.
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, sizeBytes + 1));
    let left = sizeBytes;
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await reading(path, file.read(buffer, 0, buffer.length, null));
      left -= bytesRead;
      if (left < 0 || (bytesRead === 0 && left > 0)) {
        throw new AgentError("SCRIPT_UNREADABLE", { path, reason: "changed while it was read" });
      }
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function expandFolders(paths: readonly string[]): Promise<string[]> {
  const expanded = paths.map(async (path) => {
    if (!(await reading(path, stat(path))).isDirectory()) return [path];
    return (await reading(path, readdir(path))).map((name) => join(path, name));
  });
  return (await Promise.all(expanded)).flat();
}

async function reading<T>(path: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (cause) {
    throw new AgentError("SCRIPT_UNREADABLE", { path }, cause);
  }
}
